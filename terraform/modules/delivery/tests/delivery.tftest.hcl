mock_provider "google" {}

variables {
  project_id  = "my-project-1"
  region      = "us-central1"
  environment = "prod"
  accounts    = { sweeper = "projects/my-project-1/serviceAccounts/sweeper@my-project-1.iam.gserviceaccount.com" }
  settings    = { state_bucket = "my-state", repository = "projects/p/locations/us-central1/connections/c/repositories/r" }
}

run "waits_for_approval_by_default" {
  assert {
    condition     = one(google_cloudbuild_trigger.this[0].approval_config).approval_required && google_cloudbuild_trigger.this[0].service_account == google_service_account.deployer.id && google_cloudbuild_trigger.this[0].filename == "cloudbuild.yaml"
    error_message = "A build must wait for approval and run as the deployer."
  }
  assert {
    condition     = google_cloudbuild_trigger.this[0].substitutions == tomap({ _ENV = "prod", _REGION = "us-central1", _STATE_BUCKET = "my-state" })
    error_message = "cloudbuild.yaml does not learn what to deploy where."
  }
  assert {
    condition     = strcontains(one(google_project_iam_member.deployer_grants.condition).expression, "hasOnly(['roles/aiplatform.user', 'roles/datastore.user', 'roles/datastore.viewer', 'roles/logging.logWriter', 'roles/storage.objectViewer', 'roles/telemetry.tracesWriter', 'roles/workflows.invoker'])")
    error_message = "The deployer may grant more than this repository does."
  }
  assert {
    condition     = google_service_account_iam_member.acts_as["sweeper"].role == "roles/iam.serviceAccountUser" && length(google_service_account_iam_member.acts_as) == 1
    error_message = "The deployer must be able to act as the accounts it deploys, and no other."
  }
}

run "without_a_repository_no_trigger" {
  variables { settings = { state_bucket = "my-state" } }
  assert {
    condition     = length(google_cloudbuild_trigger.this) == 0 && output.approval == null && output.deployer != null
    error_message = "Without a repository there is a deployer and no trigger."
  }
}

run "refuses_a_url_for_a_repository" {
  command = plan
  variables { settings = { state_bucket = "my-state", repository = "https://example.com/r.git" } }
  expect_failures = [var.settings]
}
