# A model server of our own on Cloud Run with a GPU. It sleeps at zero instances and is billed by the second while it is awake.

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = "engine-images"
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  description   = "Keeps the engine's image near the engine, and available when its publisher is not."

  remote_repository_config {
    docker_repository {
      public_repository = local.host == null ? "DOCKER_HUB" : null

      dynamic "custom_repository" {
        for_each = local.host == null ? [] : [local.host]
        content {
          uri = "https://${custom_repository.value}"
        }
      }
    }
  }
}

resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = "engine"
  display_name = "Penstock: runs the engine"
}

resource "google_storage_bucket_iam_member" "weights" {
  count = var.settings.weights_bucket == null ? 0 : 1

  bucket = var.settings.weights_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.this.member
}

resource "google_cloud_run_v2_service" "this" {
  project             = var.project_id
  location            = var.region
  name                = "engine"
  description         = "${var.settings.kind} with ${var.settings.model}"
  deletion_protection = var.protected

  # All, not internal: to reach an internal service the handler would need a VPC connector, which is billed around the clock.
  # Nobody gets in without the invoker role all the same.
  ingress = "INGRESS_TRAFFIC_ALL"

  template {
    service_account                  = google_service_account.this.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    timeout                          = "${var.timeout_s}s"
    max_instance_request_concurrency = var.settings.concurrency
    gpu_zonal_redundancy_disabled    = true

    scaling {
      min_instance_count = var.settings.min_instances
      max_instance_count = var.settings.max_instances
    }

    node_selector {
      accelerator = var.settings.gpu
    }

    containers {
      image   = local.image
      command = local.container.command
      args    = local.container.args

      ports {
        container_port = local.port
      }

      dynamic "env" {
        for_each = local.env
        content {
          name  = env.key
          value = env.value
        }
      }

      resources {
        cpu_idle          = false # a GPU is billed by the instance's life, so its CPU may work all the time
        startup_cpu_boost = true
        limits = {
          "cpu"            = tostring(coalesce(var.settings.cpu, local.gpu.min_cpu))
          "memory"         = coalesce(var.settings.memory, "${local.gpu.min_memory}Gi")
          "nvidia.com/gpu" = "1"
        }
      }

      startup_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = ceil(var.settings.startup_s / 10)
        http_get {
          path = "/health"
          port = local.port
        }
      }

      # Slow on purpose: an engine at full load answers late, and restarting it costs minutes.
      liveness_probe {
        period_seconds    = 60
        timeout_seconds   = 30
        failure_threshold = 5
        http_get {
          path = "/health"
          port = local.port
        }
      }

      dynamic "volume_mounts" {
        for_each = var.settings.weights_bucket == null ? [] : [local.mount]
        content {
          name       = "weights"
          mount_path = volume_mounts.value
        }
      }
    }

    dynamic "volumes" {
      for_each = var.settings.weights_bucket == null ? [] : [var.settings.weights_bucket]
      content {
        name = "weights"
        gcs {
          bucket    = volumes.value
          read_only = true
        }
      }
    }
  }

  depends_on = [google_storage_bucket_iam_member.weights]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
