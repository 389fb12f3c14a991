# Without a provider: the routes as they are written and as the code reads them. What is refused, beside the code's own refusals: tests/terraform/test_refusals.py.

variables {
  project_id        = "my-project-1"
  secrets           = ["openai"]
  engine            = { kind = "vllm", model = "some/model", base_url = "https://engine.example.run.app/v1", capacity = 32, sleeps = true }
  handler_instances = 2
  budget_s          = 480
  routes = {
    default = "fast"
    routes = {
      fast = { targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai", secret_version = "3" }] }
      own  = { fallback = true, targets = [{ name = "gpu", model = "some/model", engine = true, max_concurrency = 16 }, { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai", secret_version = "3" }] }
    }
  }
}

run "as_the_code_reads_them" {
  assert {
    condition = jsonencode(output.routes) == jsonencode({
      default = "fast"
      routes = {
        fast = { fallback = false, targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/3" }] }
        own = { fallback = true, targets = [
          { name = "gpu", provider = "openai", model = "some/model", base_url = "https://engine.example.run.app/v1", auth = "id_token", scales_to_zero = true, max_concurrency = 16 },
          { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/3" },
        ] }
      }
    })
    error_message = "The routes are not handed on as the code reads them."
  }
  assert {
    condition     = output.by_google == false && contains(output.known.target, "auth") && jsonencode(output.known.routes) == jsonencode(["default", "routes"])
    error_message = "Nobody here asks Google's models, or a name is not known."
  }
}

run "google_by_identity" {
  variables {
    secrets = []
    routes  = { default = "a", routes = { a = { targets = [{ name = "flash", provider = "openai", model = "google/gemini-3.5-flash", auth = "access_token", base_url = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi" }] } } }
  }
  assert {
    condition     = output.by_google
    error_message = "The identity needs the role."
  }
}

run "refuses_everything_at_once" {
  command = plan
  variables { routes = { default = "b", routes = { a = { targets = [{ name = "n", provider = "openai", model = "m" }] } } } }
  expect_failures = [output.routes]
}

run "more_calls_than_the_engine_takes" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "gpu", model = "some/model", engine = true, max_concurrency = 17 }] } } } }
  expect_failures = [output.routes]
}

run "an_engine_target_without_an_engine" {
  command = plan
  variables { engine = null }
  expect_failures = [output.routes]
}

run "a_model_the_engine_does_not_serve" {
  command = plan
  variables { routes = { default = "own", routes = { own = { targets = [{ name = "gpu", model = "other/model", engine = true, max_concurrency = 16 }] } } } }
  expect_failures = [output.routes]
}
