# One function and the identity that may call it; the identity it runs as is given, so that its grants need not wait for the function.

resource "google_cloudfunctions2_function" "this" {
  project     = var.project_id
  location    = var.region
  name        = var.name
  description = var.description

  build_config {
    runtime           = var.shape.runtime
    entry_point       = replace(var.name, "-", "_")
    docker_repository = var.build.repository
    service_account   = var.build.service_account

    source {
      storage_source {
        bucket = var.build.bucket
        object = var.build.object
      }
    }
  }

  service_config {
    service_account_email = var.identity.email
    environment_variables = var.environment

    available_cpu                    = tostring(var.shape.cpu)
    available_memory                 = var.shape.memory
    max_instance_request_concurrency = var.shape.concurrency
    min_instance_count               = var.shape.min_instances
    max_instance_count               = var.shape.max_instances
    timeout_seconds                  = var.shape.timeout_s

    # Pub/Sub and Cloud Scheduler of the same project count as internal; the internet does not.
    ingress_settings               = length(var.open_to) == 0 ? "ALLOW_INTERNAL_ONLY" : "ALLOW_ALL"
    all_traffic_on_latest_revision = true
  }
}

resource "google_service_account" "caller" {
  project      = var.project_id
  account_id   = "${var.name}-caller"
  display_name = "Penstock: may call ${var.name}"
}

# A 2nd gen function is a Cloud Run service of the same name, and that is where calling is permitted.
resource "google_cloud_run_v2_service_iam_member" "caller" {
  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = google_service_account.caller.member
}

resource "google_cloud_run_v2_service_iam_member" "open_to" {
  for_each = var.open_to

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_service_account_iam_member" "token_minter" {
  service_account_id = google_service_account.caller.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.token_minter
}
