mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://engine.example.run.app" }
  }
}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  timeout_s  = 540
  invokers   = { handler = "serviceAccount:h@x.iam.gserviceaccount.com" }
  settings = {
    kind        = "vllm"
    image       = "vllm/vllm-openai@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    model       = "some/model"
    gpu         = "nvidia-l4"
    concurrency = 32
  }
}

run "vllm_asleep_until_called" {
  variables { vllm = { max_num_seqs = 32, max_num_queued_reqs = 8 } }
  assert {
    condition = alltrue([
      google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == 0,
      google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 1,
      google_cloud_run_v2_service.this.template[0].max_instance_request_concurrency == 32,
      google_cloud_run_v2_service.this.template[0].node_selector[0].accelerator == "nvidia-l4",
      google_cloud_run_v2_service.this.template[0].gpu_zonal_redundancy_disabled,
      google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle == false,
      google_cloud_run_v2_service.this.template[0].containers[0].resources[0].limits == tomap({ "cpu" = "4", "memory" = "16Gi", "nvidia.com/gpu" = "1" }),
    ])
    error_message = "The engine must scale to zero, take 32 at once and have its GPU's minimum of CPU and memory."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].image == "us-central1-docker.pkg.dev/my-project-1/engine-images/vllm/vllm-openai@sha256:0000000000000000000000000000000000000000000000000000000000000000" && google_artifact_registry_repository.images.remote_repository_config[0].docker_repository[0].public_repository == "DOCKER_HUB"
    error_message = "The image must come through our own registry, by its digest."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].args == tolist(["some/model", "--served-model-name", "some/model", "--host", "0.0.0.0", "--port", "8080", "--enable-prompt-tokens-details", "--max-num-queued-reqs", "8", "--max-num-seqs", "32"])
    error_message = "vLLM does not get its flags."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].failure_threshold * google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].period_seconds == 900
    error_message = "The probe gives up before the weights are loaded."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.ingress == "INGRESS_TRAFFIC_ALL" && keys(google_cloud_run_v2_service_iam_member.invoker) == ["handler"] && google_cloud_run_v2_service_iam_member.invoker["handler"].role == "roles/run.invoker"
    error_message = "The handler, and nobody else, may call the engine."
  }
  assert {
    condition     = output.base_url == "https://engine.example.run.app/v1"
    error_message = "vLLM's API lies under /v1."
  }
}

run "tgi_with_weights_from_a_bucket" {
  variables {
    settings = {
      kind           = "tgi"
      image          = "registry.example.com/inference/tgi@sha256:1111111111111111111111111111111111111111111111111111111111111111"
      model          = "some/model"
      weights_bucket = "my-weights"
      weights_path   = "some-model-awq"
      gpu            = "nvidia-l4"
      quantization   = "awq"
      concurrency    = 64
      startup_s      = 301
    }
    tgi = { max_batch_prefill_tokens = 4096, prefill_chunking = false, kv_cache_dtype = "fp8_e4m3fn" }
  }
  assert {
    condition = { for e in google_cloud_run_v2_service.this.template[0].containers[0].env : e.name => e.value } == {
      MODEL_ID                 = "/weights/some-model-awq", QUANTIZE = "awq", HF_HUB_OFFLINE = "1", USAGE_STATS = "off"
      MAX_BATCH_PREFILL_TOKENS = "4096", PREFILL_CHUNKING = "0", KV_CACHE_DTYPE = "fp8_e4m3fn"
    }
    error_message = "TGI does not get its environment, or gets settings nobody made."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].volumes[0].gcs[0].read_only && google_cloud_run_v2_service.this.template[0].containers[0].volume_mounts[0].mount_path == "/weights" && google_storage_bucket_iam_member.weights[0].role == "roles/storage.objectViewer"
    error_message = "The weights are not mounted, not read-only or not readable."
  }
  assert {
    condition     = google_artifact_registry_repository.images.remote_repository_config[0].docker_repository[0].custom_repository[0].uri == "https://registry.example.com" && endswith(google_cloud_run_v2_service.this.template[0].containers[0].image, "/engine-images/inference/tgi@sha256:1111111111111111111111111111111111111111111111111111111111111111")
    error_message = "An image of another registry must come from there, through ours."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].failure_threshold == 31 && output.base_url == "https://engine.example.run.app"
    error_message = "The probe must cover the whole start, and TGI's address has no path."
  }
}

run "warns_of_a_batch_size_that_is_not_in_force" {
  command = plan
  variables {
    settings = { kind = "tgi", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4", concurrency = 8 }
    tgi      = { max_batch_total_tokens = 16000 }
  }
  expect_failures = [check.max_batch_total_tokens_in_force]
}
