# Deployment by Cloud Build: its own identity, and the trigger that runs cloudbuild.yaml.

locals {
  # What `terraform apply` of this repository does, and no primitive role. It creates the resources, so these stand on the project.
  roles = toset([
    "roles/artifactregistry.admin",
    "roles/bigquery.dataOwner",
    "roles/cloudbuild.builds.editor",
    "roles/cloudfunctions.admin",
    "roles/cloudscheduler.admin",
    "roles/datastore.owner",
    "roles/firebaserules.admin",
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.editor",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
    "roles/workflows.admin",
  ])

  # The project-level roles that modules/store, modules/build and modules/platform hand out, and the only ones the deployer may give or take.
  # Its own are not among them: whoever changes this file applies it once as a person with rights.
  grantable = ["roles/aiplatform.user", "roles/datastore.user", "roles/datastore.viewer", "roles/logging.logWriter", "roles/storage.objectViewer", "roles/telemetry.tracesWriter", "roles/workflows.invoker"]
}

resource "google_service_account" "deployer" {
  project      = var.project_id
  account_id   = "penstock-deployer"
  display_name = "Penstock: runs cloudbuild.yaml"
}

resource "google_project_iam_member" "deployer" {
  for_each = setunion(local.roles, var.extra_roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.deployer.member
}

# Changing the project's IAM, but not to make anybody owner or editor.
resource "google_project_iam_member" "deployer_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.deployer.member

  condition {
    title       = "only-penstock-roles"
    description = "May grant and revoke only the roles that this repository hands out."
    expression  = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for r in local.grantable : "'${r}'"])}])"
  }
}

# To deploy something that runs as an account one must be allowed to act as it: these accounts, not all of the project.
resource "google_service_account_iam_member" "acts_as" {
  for_each = var.accounts

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer.member
}

resource "google_storage_bucket_iam_member" "state" {
  bucket = var.settings.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.deployer.member
}

resource "google_cloudbuild_trigger" "this" {
  count = var.settings.repository == null ? 0 : 1

  project         = var.project_id
  location        = var.region
  name            = "penstock-${var.environment}"
  description     = "Tests, bundles, plans and applies terraform/environments/${var.environment}."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.deployer.id

  repository_event_config {
    repository = var.settings.repository
    push {
      branch = var.settings.branch
    }
  }

  substitutions = {
    _ENV          = var.environment
    _REGION       = var.region
    _STATE_BUCKET = var.settings.state_bucket
  }

  approval_config {
    approval_required = var.settings.approval
  }

  depends_on = [google_project_iam_member.deployer, google_project_iam_member.deployer_grants, google_storage_bucket_iam_member.state, google_service_account_iam_member.acts_as]
}
