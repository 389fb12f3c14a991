mock_provider "google" {}
mock_provider "google-beta" {}
mock_provider "time" {}

variables {
  project_id = "my-project-1"
}

run "everything_waits_for_the_apis" {
  assert {
    condition     = alltrue([for s in ["pubsub", "firestore", "cloudfunctions", "run", "cloudbuild", "cloudscheduler", "secretmanager", "artifactregistry", "bigquery", "firebaserules", "storage", "monitoring", "logging", "iam"] : contains(keys(google_project_service.this), "${s}.googleapis.com")])
    error_message = "An API that Penstock uses is not enabled."
  }
  assert {
    condition     = alltrue([for s in google_project_service.this : s.disable_on_destroy == false])
    error_message = "Destroying Penstock must not switch off APIs that others use."
  }
  assert {
    condition     = output.pubsub_agent != output.scheduler_agent && time_sleep.settled.create_duration == "90s"
    error_message = "The two agents are mixed up, or nothing waits for the APIs."
  }
}

run "a_budget_needs_one_more" {
  command = plan
  variables { extra_services = ["billingbudgets.googleapis.com"] }
  assert {
    condition     = contains(keys(google_project_service.this), "billingbudgets.googleapis.com")
    error_message = "The extra API is not enabled."
  }
}

run "refuses_a_project_number_and_a_service_without_its_domain" {
  command = plan
  variables {
    project_id     = "123456789012"
    extra_services = ["billingbudgets"]
  }
  expect_failures = [var.project_id, var.extra_services]
}
