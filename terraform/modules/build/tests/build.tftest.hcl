mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { project_number = 42 }
  }
}
mock_provider "time" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  bundle     = "tests/bundle.stand-in"
}

run "named_by_content" {
  assert {
    condition     = output.build.object == "penstock-functions-${filesha256("tests/bundle.stand-in")}.zip"
    error_message = "The object must be named by the hash of its bytes: only then does a change of code deploy, and nothing else."
  }
  assert {
    condition     = one(google_project_iam_member.builder_reads_copies.condition).expression == "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-42-\")"
    error_message = "The builder must read Cloud Functions' copies of the sources and no other bucket."
  }
  assert {
    condition     = toset(keys(time_sleep.granted.triggers)) == toset(["repository", "sources", "copies", "logs"])
    error_message = "A build may start before the builder's grants have settled."
  }
}

run "refuses_a_missing_bundle" {
  command = plan
  variables { bundle = "tests/no-such.zip" }
  expect_failures = [var.bundle]
}
