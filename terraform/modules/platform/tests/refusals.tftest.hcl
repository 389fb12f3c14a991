# What the platform refuses at plan. Each run differs from a good one in one thing, or in one of each of two variables:
# a run costs seconds.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

variables {
  project_id  = "my-project-1"
  region      = "us-central1"
  environment = "test"
  secrets     = ["openai"]
  functions   = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, handler = { max_instances = 2 } }
  routes = {
    default = "own"
    routes  = { own = { targets = [{ name = "gpu", model = "some/model", engine = true, max_concurrency = 16 }] } }
  }
  engine = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "some/model", gpu = "nvidia-l4", concurrency = 32 }
}

run "the_good_one" {
  command = plan
}

run "a_zone_for_a_region_and_less_room_than_the_peak" {
  command = plan
  variables {
    region    = "us-central1-a"
    functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 161, handler = { max_instances = 2 } }
  }
  expect_failures = [var.region, var.functions]
}

run "a_region_that_does_not_exist_and_a_peak_beyond_pubsubs_window" {
  command = plan
  variables {
    region    = "us-centrl1"
    functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 3001, handler = { max_instances = 100 } }
  }
  expect_failures = [var.region, var.functions]
}

run "more_calls_than_the_engine_takes" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "gpu", model = "some/model", engine = true, max_concurrency = 17 }] } } } }
  expect_failures = [var.routes]
}

run "a_name_of_the_limit_that_is_none" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "nano", provider = "openai", model = "m", max_tokens_as = "tokens" }] } } } }
  expect_failures = [var.routes]
}

run "a_name_of_the_limit_where_none_is_chosen" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "nano", provider = "offline", model = "m", max_tokens_as = "max_tokens" }] } } } }
  expect_failures = [var.routes]
}

run "an_engine_target_without_an_engine" {
  command = plan
  variables { engine = null }
  expect_failures = [var.routes]
}

run "a_model_the_engine_does_not_serve" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "gpu", model = "other/model", engine = true, max_concurrency = 16 }] } } } }
  expect_failures = [var.routes]
}

run "a_default_that_is_no_route" {
  command = plan
  variables { routes = { default = "fast", routes = { own = { targets = [{ name = "n", provider = "offline", model = "m" }] } } } }
  expect_failures = [var.routes]
}

run "a_secret_nobody_made" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "n", provider = "openai", model = "m", secret = "open-ai" }] } } } }
  expect_failures = [var.routes]
}

run "a_target_without_a_provider" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "n", model = "m" }] } } } }
  expect_failures = [var.routes]
}

run "a_call_longer_than_the_budget" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "n", provider = "offline", model = "m", timeout_s = 481 }] } } } }
  expect_failures = [var.routes]
}

run "a_misspelt_knob" {
  command = plan
  variables { engine = { kind = "vllm", image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "some/model", gpu = "nvidia-l4", concurrency = 32, vllm = { max_num_seq = 8 } } }
  expect_failures = [output.engine]
}

run "an_engine_that_is_a_name" {
  command = plan
  variables { engine = "vllm" }
  expect_failures = [var.engine]
}
