# The same work on Spot VMs of Google Cloud Batch (docs/lanes.md), cheaper than Cloud Run's GPU and taken away now and then. Off unless settings.spot is given.
# Batch keeps no form of a job, and Terraform knows none: it lies in the bucket, where the batcher reads it for each job.

locals {
  spot = var.settings.spot == null ? {} : { on = var.settings.spot }

  # The machine with one such GPU, and what of it a task may take.
  machines = {
    nvidia-l4           = { type = "g2-standard-4", cpu = 4000, memory = 14000 }
    nvidia-rtx-pro-6000 = { type = "g4-standard-48", cpu = 48000, memory = 160000 }
  }

  forms = { for name, spot in local.spot : name => {
    taskGroups = [{
      taskCount   = 1
      parallelism = 1
      taskSpec = {
        # Only a VM that was taken away is a reason to begin again; the file has the same owner then.
        maxRetryCount     = spot.retries
        lifecyclePolicies = [{ action = "RETRY_TASK", actionCondition = { exitCodes = [50001] } }]
        computeResource   = { cpuMilli = local.machines[var.settings.gpu].cpu, memoryMib = local.machines[var.settings.gpu].memory }
        environment       = { variables = local.env }
        volumes           = [for mount, at in local.mounts : { mountPath = "/mnt/disks/${mount}", gcs = { remotePath = at.bucket }, mountOptions = ["-o ro", "--implicit-dirs"] }]
        runnables = [{ container = {
          imageUri   = var.settings.image
          entrypoint = "python3"
          commands   = concat(["-m", "penstock.drain"], local.serve)
          volumes    = [for mount, at in local.mounts : "/mnt/disks/${mount}:${at.path}:ro"]
        } }]
      }
    }]
    allocationPolicy = merge(
      {
        location       = { allowedLocations = ["regions/${var.region}"] }
        serviceAccount = { email = google_service_account.this.email }
        instances = [{
          installGpuDrivers = true
          policy = {
            machineType       = coalesce(spot.machine_type, local.machines[var.settings.gpu].type)
            provisioningModel = "SPOT"
            accelerators      = [{ type = var.settings.gpu, count = 1 }]
            bootDisk          = { sizeGb = 100 }
          }
        }]
      },
      spot.subnetwork == null ? {} : { network = { networkInterfaces = [{ network = spot.network, subnetwork = spot.subnetwork, noExternalIpAddress = true }] } },
    )
    logsPolicy = { destination = "CLOUD_LOGGING" }
  } }
}

resource "google_project_service" "spot" {
  for_each = length(local.spot) == 0 ? [] : toset(["batch.googleapis.com", "compute.googleapis.com"])

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

resource "google_storage_bucket_object" "spot" {
  for_each = local.forms

  bucket       = google_storage_bucket.files.name
  name         = "program/spot.json"
  content      = jsonencode(each.value)
  content_type = "application/json"
}

# Batch's jobs are the project's: there is no narrower place.
resource "google_project_iam_member" "spot" {
  for_each = length(local.spot) == 0 ? {} : {
    "roles/batch.jobsEditor"    = local.accounts.batcher
    "roles/batch.agentReporter" = local.accounts.drain
    "roles/logging.logWriter"   = local.accounts.drain
  }

  project = var.project_id
  role    = each.key
  member  = each.value
}

resource "google_service_account_iam_member" "spot" {
  for_each = local.spot

  service_account_id = google_service_account.this.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.accounts.batcher
}
