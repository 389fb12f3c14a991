locals {
  services = setunion(var.extra_services, [
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ])

  # Google's own robots that act for us and that we grant something by name. They exist only once they are asked for.
  agents = toset(["cloudscheduler.googleapis.com", "pubsub.googleapis.com"])
}

resource "google_project_service" "this" {
  for_each = local.services

  project = var.project_id
  service = each.value
  # Other things in the project may use the API; switching it off would take them down with us.
  disable_on_destroy = false
}

resource "google_project_service_identity" "this" {
  for_each = local.agents
  provider = google-beta

  project    = var.project_id
  service    = each.value
  depends_on = [google_project_service.this]
}

# Enabling an API and creating a robot are both eventually consistent.
resource "time_sleep" "settled" {
  create_duration = var.settle
  triggers = {
    services = join(",", sort(local.services))
    agents   = join(",", [for agent in google_project_service_identity.this : agent.member])
  }
}
