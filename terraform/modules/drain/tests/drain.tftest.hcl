mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = { email = "drain@my-project-1.iam.gserviceaccount.com", member = "serviceAccount:drain@my-project-1.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  started_by = "batcher@my-project-1.iam.gserviceaccount.com"
  bundle     = "main.tf"
  settings = {
    image = "docker.io/vllm/vllm-openai@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    model = "some/model"
    gpu   = "nvidia-l4"
  }
}

run "a_job_that_starts_once_and_drains" {
  assert {
    condition     = google_cloud_run_v2_job.this.template[0].task_count == 1 && google_cloud_run_v2_job.this.template[0].template[0].max_retries == 0
    error_message = "Starting again is the batcher's decision."
  }
  assert {
    condition     = google_cloud_run_v2_job.this.template[0].template[0].containers[0].command == tolist(["python3", "-m", "penstock.drain"]) && slice(google_cloud_run_v2_job.this.template[0].template[0].containers[0].args, 0, 3) == tolist(["vllm", "serve", "some/model"])
    error_message = "The drainer is what runs, and starts the engine."
  }
  assert {
    condition     = google_cloud_run_v2_job.this.template[0].template[0].containers[0].resources[0].limits == tomap({ "cpu" = "4", "memory" = "16Gi", "nvidia.com/gpu" = "1" })
    error_message = "The GPU's minimum of CPU and memory."
  }
  assert {
    condition     = endswith(one([for one in google_cloud_run_v2_job.this.template[0].template[0].containers[0].env : one.value if one.name == "PYTHONPATH"]), ".zip") && alltrue([for one in google_cloud_run_v2_job.this.template[0].template[0].volumes : one.gcs[0].read_only])
    error_message = "The program lies in the bucket, and nothing is written by the mount."
  }
  assert {
    condition     = google_storage_bucket.files.public_access_prevention == "enforced" && one(google_storage_bucket.files.lifecycle_rule[0].condition).matches_prefix == tolist(["drains/"])
    error_message = "What was forgotten goes, and the program stays."
  }
  assert {
    condition     = { for role, one in google_cloud_run_v2_job_iam_member.starter : role => one.member } == { "roles/run.jobsExecutorWithOverrides" = "serviceAccount:batcher@my-project-1.iam.gserviceaccount.com", "roles/run.viewer" = "serviceAccount:batcher@my-project-1.iam.gserviceaccount.com" }
    error_message = "The batcher alone starts it."
  }
  assert {
    condition     = output.job == "projects/my-project-1/locations/us-central1/jobs/drain" && output.drain == "gs://my-project-1-drains"
    error_message = "What a target says."
  }
}

run "a_tag_is_no_digest" {
  command = plan
  variables {
    settings = { image = "docker.io/vllm/vllm-openai:latest", model = "m", gpu = "nvidia-l4" }
  }
  expect_failures = [var.settings]
}

run "no_such_gpu" {
  command = plan
  variables {
    settings = { image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-t4" }
  }
  expect_failures = [var.settings]
}

run "a_region_without_it" {
  command = plan
  variables {
    region = "me-west1"
  }
  expect_failures = [var.region]
}

run "no_spot_unless_said" {
  command = plan
  assert {
    condition     = length(google_storage_bucket_object.spot) + length(google_project_iam_member.spot) + length(google_service_account_iam_member.spot) + length(google_project_service.spot) == 0 && output.spot == null
    error_message = "Nothing of it is there."
  }
}

run "the_same_on_spot_vms" {
  variables {
    settings = {
      image = "docker.io/vllm/vllm-openai@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      model = "some/model"
      gpu   = "nvidia-l4"
      spot  = {}
    }
  }
  assert {
    condition     = output.spot == "projects/my-project-1/locations/us-central1" && google_storage_bucket_object.spot["on"].name == "program/spot.json"
    error_message = "What a target says, and where the batcher reads the form of a job."
  }
  assert {
    condition     = jsondecode(google_storage_bucket_object.spot["on"].content).allocationPolicy.instances[0].policy.provisioningModel == "SPOT" && jsondecode(google_storage_bucket_object.spot["on"].content).allocationPolicy.instances[0].policy.machineType == "g2-standard-4"
    error_message = "A Spot VM, the smallest with the GPU."
  }
  assert {
    condition     = jsondecode(google_storage_bucket_object.spot["on"].content).taskGroups[0].taskSpec.lifecyclePolicies[0].actionCondition.exitCodes == [50001] && jsondecode(google_storage_bucket_object.spot["on"].content).taskGroups[0].taskSpec.maxRetryCount == 3
    error_message = "A task begins again when its VM was taken away, and for no other reason."
  }
  assert {
    condition     = jsondecode(google_storage_bucket_object.spot["on"].content).taskGroups[0].taskSpec.environment.variables.PENSTOCK_DRAIN_SHELF == "gs://my-project-1-drains" && slice(jsondecode(google_storage_bucket_object.spot["on"].content).taskGroups[0].taskSpec.runnables[0].container.commands, 0, 4) == ["-m", "penstock.drain", "vllm", "serve"]
    error_message = "The same drainer as Cloud Run's."
  }
  assert {
    condition     = google_project_iam_member.spot["roles/batch.jobsEditor"].member == "serviceAccount:batcher@my-project-1.iam.gserviceaccount.com" && google_service_account_iam_member.spot["on"].member == "serviceAccount:batcher@my-project-1.iam.gserviceaccount.com"
    error_message = "The batcher alone makes its jobs."
  }
}

run "half_a_network" {
  command = plan
  variables {
    settings = { image = "docker.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", spot = { subnetwork = "projects/p/regions/r/subnetworks/s" } }
  }
  expect_failures = [var.settings]
}
