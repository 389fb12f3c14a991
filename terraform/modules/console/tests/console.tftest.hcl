# The service as it is planned: behind the proxy, for those who are named, at no cost while nobody looks.

mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project_id  = "my-project-1"
  region      = "us-central1"
  identity    = "console@my-project-1"
  build       = { bucket = "sources", object = "bundle.zip", service_account = "builder", images = "us-central1-docker.pkg.dev/my-project-1/penstock-functions" }
  runtime     = "python313"
  environment = { GOOGLE_CLOUD_PROJECT = "my-project-1" }
  visitors    = { "viewer group:viewers@example.com" = "group:viewers@example.com" }
}

run "behind_the_proxy" {
  command = plan
  assert {
    condition     = google_cloud_run_v2_service.this.iap_enabled && google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == 0 && google_cloud_run_v2_service.this.deletion_protection
    error_message = "Only through the proxy, asleep while nobody looks, and not deleted by a slip."
  }
  assert {
    condition     = google_cloud_run_v2_service.this.build_config[0].function_target == "console" && google_cloud_run_v2_service.this.build_config[0].source_location == "gs://sources/bundle.zip" && google_cloud_run_v2_service.this.template[0].service_account == "console@my-project-1"
    error_message = "It must be built from the functions' bundle, and run as its own identity."
  }
  assert {
    condition     = google_iap_web_cloud_run_service_iam_member.visitor["viewer group:viewers@example.com"].role == "roles/iap.httpsResourceAccessor" && google_cloud_run_v2_service_iam_member.proxy.role == "roles/run.invoker"
    error_message = "The visitors go through the proxy, and the proxy alone may call."
  }
}

run "the_public" {
  command = plan
  variables { visitors = { all = "allAuthenticatedUsers" } }
  expect_failures = [var.visitors]
}
