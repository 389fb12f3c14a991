# The whole environment, applied in memory: as shipped, and deployed by Cloud Build. The file is the same in every environment.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  bundle     = "tests/bundle.stand-in"
}

run "as_shipped" {
  assert {
    condition     = output.penstock.engine == null && output.penstock.deployer == null
    error_message = "Engine and delivery must be off until somebody asks for them."
  }
}

run "by_cloud_build" {
  command = plan
  variables {
    delivery = { state_bucket = "my-state", repository = "projects/p/locations/us-central1/connections/c/repositories/r" }
  }
}

run "refuses_to_adopt_what_it_cannot_import" {
  command = plan
  variables { data = { adopt = ["topics"] } }
  expect_failures = [var.data]
}
