mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://f.example.run.app" } }
  }
}

variables {
  project_id   = "my-project-1"
  region       = "us-central1"
  name         = "request-handler"
  description  = "Under test."
  build        = { bucket = "b", object = "o", repository = "projects/p/locations/l/repositories/r", service_account = "projects/p/serviceAccounts/builder@p" }
  identity     = { email = "request-handler@my-project-1", name = "accounts/request-handler" }
  environment  = { PENSTOCK_DATABASE = "(default)" }
  token_minter = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
}

run "private_and_with_its_own_caller" {
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].entry_point == "request_handler" && google_cloudfunctions2_function.this.build_config[0].service_account == var.build.service_account
    error_message = "The entry point or the builder is wrong."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && google_cloudfunctions2_function.this.service_config[0].timeout_seconds == 540
    error_message = "The function must be internal and end after 540 s."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.caller.role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.caller.member == google_service_account.caller.member && google_cloudfunctions2_function.this.service_config[0].service_account_email == var.identity.email && google_service_account.caller.account_id == "request-handler-caller"
    error_message = "Only the caller's own account may invoke, and it is not the one the function runs as."
  }
  assert {
    condition     = google_service_account_iam_member.token_minter.service_account_id == google_service_account.caller.name && google_service_account_iam_member.token_minter.member == var.token_minter
    error_message = "The agent may mint tokens for the caller's account only."
  }
  assert {
    condition     = length(google_cloudfunctions2_function.this.service_config[0].secret_environment_variables) == 0 && length(google_cloudfunctions2_function.this.service_config[0].secret_volumes) == 0
    error_message = "No secret is mounted."
  }
}

run "a_fraction_of_a_cpu_takes_one_at_a_time" {
  command = plan
  variables { shape = { cpu = 0.5, concurrency = 1 } }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].available_cpu == "0.5"
    error_message = "The fraction is lost."
  }
}

run "refuses_concurrency_on_a_fraction_of_a_cpu" {
  command = plan
  variables { shape = { cpu = 0.5, concurrency = 2 } }
  expect_failures = [var.shape]
}

run "refuses_a_cpu_that_cloud_run_does_not_have" {
  command = plan
  variables { shape = { cpu = 3 } }
  expect_failures = [var.shape]
}

run "refuses_memory_without_a_unit" {
  command = plan
  variables { shape = { memory = "512" } }
  expect_failures = [var.shape]
}

run "refuses_more_minimum_than_maximum" {
  command = plan
  variables { shape = { min_instances = 4, max_instances = 3 } }
  expect_failures = [var.shape]
}

run "refuses_a_python_without_requirements" {
  command = plan
  variables { shape = { runtime = "python39" } }
  expect_failures = [var.shape]
}

run "refuses_a_key_in_the_environment_and_a_name_too_long_for_its_accounts" {
  command = plan
  variables {
    environment = { OPENAI_API_KEY = "sk-not-a-real-one" }
    name        = "a-function-with-a-long-name"
  }
  expect_failures = [var.environment, var.name]
}

run "refuses_a_key_under_a_harmless_name" {
  command = plan
  variables { environment = { PENSTOCK_DATABASE = "sk-not-a-real-one" } }
  expect_failures = [var.environment]
}
