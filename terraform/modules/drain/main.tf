# A Cloud Run job with a GPU that works the files of lane batch off (docs/lanes.md): paid while it runs, and nothing between two files.

locals {
  # As modules/engine/gpus.tf, which says where from.
  gpus = {
    nvidia-l4 = {
      cpu     = 4
      memory  = "16Gi"
      regions = ["asia-southeast1", "europe-west1", "europe-west4", "us-central1", "us-east4"]
    }
    nvidia-rtx-pro-6000 = {
      cpu     = 20
      memory  = "80Gi"
      regions = ["asia-southeast1", "europe-west4", "us-central1"]
    }
  }
  gpu = try(local.gpus[var.settings.gpu], null)

  name    = "drain"
  port    = 8000
  shelf   = "/shelf"
  weights = "/weights"
  path    = var.settings.weights_path == null ? var.settings.model : "${local.weights}/${trim(coalesce(var.settings.weights_path, "-"), "/")}"

  serve = concat(["vllm", "serve", local.path, "--served-model-name", var.settings.model, "--port", tostring(local.port), "--enable-prompt-tokens-details"], var.settings.args)

  mounts = merge(
    { program = { bucket = google_storage_bucket.files.name, path = local.shelf } },
    var.settings.weights_bucket == null ? {} : { weights = { bucket = var.settings.weights_bucket, path = local.weights } },
  )
  env = merge(
    {
      PENSTOCK_DRAIN_SHELF  = "gs://${google_storage_bucket.files.name}"
      PENSTOCK_DRAIN_ENGINE = "http://127.0.0.1:${local.port}"
      PENSTOCK_DRAIN_WIDTH  = tostring(var.settings.width)
      PYTHONPATH            = "${local.shelf}/${google_storage_bucket_object.bundle.name}"
      VLLM_NO_USAGE_STATS   = "1"
    },
    var.settings.weights_bucket == null ? {} : { HF_HUB_OFFLINE = "1" },
  )
}

resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = local.name
  display_name = "Penstock: works batches off on our own GPU"
}

resource "google_cloud_run_v2_job" "this" {
  project             = var.project_id
  location            = var.region
  name                = local.name
  deletion_protection = var.protected

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account               = google_service_account.this.email
      execution_environment         = "EXECUTION_ENVIRONMENT_GEN2"
      max_retries                   = 0 # a retry would be nobody's decision: the batcher starts again, or does not
      timeout                       = "3600s"
      gpu_zonal_redundancy_disabled = true

      node_selector {
        accelerator = var.settings.gpu
      }

      containers {
        image   = var.settings.image
        command = ["python3", "-m", "penstock.drain"]
        args    = local.serve

        dynamic "env" {
          for_each = local.env
          content {
            name  = env.key
            value = env.value
          }
        }

        resources {
          limits = {
            "cpu"            = tostring(coalesce(var.settings.cpu, try(local.gpu.cpu, 1)))
            "memory"         = coalesce(var.settings.memory, try(local.gpu.memory, "1Gi"))
            "nvidia.com/gpu" = "1"
          }
        }

        dynamic "volume_mounts" {
          for_each = local.mounts
          content {
            name       = volume_mounts.key
            mount_path = volume_mounts.value.path
          }
        }
      }

      dynamic "volumes" {
        for_each = local.mounts
        content {
          name = volumes.key
          gcs {
            bucket    = volumes.value.bucket
            read_only = true
          }
        }
      }
    }
  }

  depends_on = [google_storage_bucket_iam_member.files, google_storage_bucket_iam_member.weights]
}
