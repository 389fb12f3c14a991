mock_provider "google" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  names      = ["openai", "other"]
  readers    = { handler = "serviceAccount:h@x.iam.gserviceaccount.com" }
}

run "empty_and_readable_by_the_handler_only" {
  assert {
    condition     = length(google_secret_manager_secret_iam_member.reader) == 2 && alltrue([for m in google_secret_manager_secret_iam_member.reader : m.role == "roles/secretmanager.secretAccessor" && m.member == "serviceAccount:h@x.iam.gserviceaccount.com"])
    error_message = "Each secret must be readable by the handler and nobody else."
  }
  assert {
    condition     = alltrue([for s in google_secret_manager_secret.this : s.deletion_protection && one(one(one(s.replication).user_managed).replicas).location == "us-central1"])
    error_message = "A secret can be deleted by accident, or its value leaves the region."
  }
}

run "refuses_a_path_or_a_key_for_a_name" {
  command = plan
  variables { names = ["projects/p/secrets/openai"] }
  expect_failures = [var.names]
}
