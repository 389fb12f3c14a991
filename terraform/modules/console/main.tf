# The console: pages for people, behind Identity-Aware Proxy. Its functions' bundle is the others' own; it sleeps at zero instances.

# Google's robot that carries the visitors in; it exists only once it is asked for.
resource "google_project_service_identity" "iap" {
  provider = google-beta

  project = var.project_id
  service = "iap.googleapis.com"
}

# `iap_enabled` is in google-beta alone, and only on a Cloud Run service: a function has no such switch.
resource "google_cloud_run_v2_service" "this" {
  provider = google-beta

  project             = var.project_id
  location            = var.region
  name                = local.name
  description         = "Pages for operators: what is open, a request's life, dead letters and their redrive, runs, money."
  deletion_protection = var.protected
  ingress             = "INGRESS_TRAFFIC_ALL"
  iap_enabled         = true

  build_config {
    source_location          = "gs://${var.build.bucket}/${var.build.object}"
    function_target          = local.name
    image_uri                = "${var.build.images}/${local.name}"
    base_image               = local.base
    enable_automatic_updates = true
    service_account          = var.build.service_account
  }

  template {
    service_account                  = var.identity
    max_instance_request_concurrency = 40
    # A redrive is carried out while its browser waits.
    timeout = "300s"

    scaling {
      min_instance_count = 0
      max_instance_count = 2
    }

    containers {
      image          = "${var.build.images}/${local.name}"
      base_image_uri = local.base

      resources {
        limits = { cpu = "1", memory = "1Gi" }
      }

      dynamic "env" {
        for_each = var.environment
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}

locals {
  name = "console"
  base = "${var.region}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/${var.runtime}"
}

# The proxy alone may call it; whom the proxy lets through is the next grant's.
resource "google_cloud_run_v2_service_iam_member" "proxy" {
  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = google_project_service_identity.iap.member
}

resource "google_iap_web_cloud_run_service_iam_member" "visitor" {
  for_each = var.visitors

  project                = var.project_id
  location               = var.region
  cloud_run_service_name = google_cloud_run_v2_service.this.name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}
