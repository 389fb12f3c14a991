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
  functions   = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, shapes = { handler = { max_instances = 2 } } }
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
    functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 161, shapes = { handler = { max_instances = 2 } } }
  }
  expect_failures = [var.region, var.functions]
}

run "a_region_that_does_not_exist_and_a_peak_beyond_pubsubs_window" {
  command = plan
  variables {
    region    = "us-centrl1"
    functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 3001, shapes = { handler = { max_instances = 100 } } }
  }
  expect_failures = [var.region, var.functions]
}

run "a_room_that_does_not_exist" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, rooms = ["batchr"], shapes = { handler = { max_instances = 2 } } } }
  expect_failures = [var.functions]
}

run "an_endpoint_inside" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, rooms = ["callbacks"], endpoints = { crm = { url = "https://169.254.169.254/hooks" } }, shapes = { handler = { max_instances = 2 } } } }
  expect_failures = [var.functions]
}

run "a_workflow_without_runs" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, rooms = ["callbacks"], workflow = {}, shapes = { handler = { max_instances = 2 } } } }
  expect_failures = [var.functions]
}

run "endpoints_without_callbacks" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, endpoints = { crm = { url = "https://crm.example.com/hooks" } }, shapes = { handler = { max_instances = 2 } } } }
  expect_failures = [var.functions]
}

run "a_console_whose_operators_are_a_group" {
  command = plan
  variables { operations = { operators = ["group:operators@example.com"], console = {} } }
  expect_failures = [output.console]
}

run "traces_to_no_address" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, traces = { endpoint = "collector:4318", share = 2 }, shapes = { handler = { max_instances = 2 } } } }
  expect_failures = [var.functions]
}

run "a_shape_of_no_function" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, shapes = { handler = { max_instances = 2 }, handlr = { max_instances = 2 } } } }
  expect_failures = [var.functions]
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

run "routes_that_are_a_name" {
  command = plan
  variables { routes = "fast" }
  expect_failures = [var.routes]
}

run "keys_in_the_place_of_names" {
  command = plan
  variables {
    secrets            = ["sk-not-a-real-one"]
    publishers         = { sk-not-a-real-one = "user:a@example.com" }
    response_consumers = { app = { member = "user:a@example.com", tenant = "sk-not-a-real-one" } }
    operations         = { emails = ["sk-not-a-real-one"] }
    delivery           = { state_bucket = "sk-not-a-real-one" }
    engine             = { kind = "vllm", model = "sk-not-a-real-one" }
    functions          = { bundle = "sk-not-a-real-one", peak_in_flight = 80, shapes = { handler = { max_instances = 2 } } }
  }
  expect_failures = [var.secrets, var.publishers, var.response_consumers, var.operations, var.delivery, var.engine, var.functions]
}

# By itself: what the functions are depends on it (data.feeds), and is not looked at while it is wrong.
run "a_key_in_data" {
  command = plan
  variables { data = { database = "sk-not-a-real-one" } }
  expect_failures = [var.data]
}

run "a_drain_without_batches" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", peak_in_flight = 80, shapes = { handler = { max_instances = 2 } }, drain = { image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4" } } }
  expect_failures = [var.functions]
}
