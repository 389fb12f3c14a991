# A GPU of one's own for batches, beside the batcher. Off in every other test.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

run "a_gpu_that_works_batches_off" {
  command = plan
  variables {
    project_id  = "my-project-1"
    region      = "us-central1"
    environment = "test"
    secrets     = ["openai"]
    functions   = { bundle = "tests/bundle.stand-in", rooms = ["batches"], drain = { image = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000", model = "m", gpu = "nvidia-l4" } }
    routes = {
      default = "m"
      routes = { m = { choose = "cheapest", targets = [
        { name = "own", provider = "openai", model = "m", lane = "batch", runner = "job", max_output = 100, job = "projects/my-project-1/locations/us-central1/jobs/drain", drain = "gs://my-project-1-drains" },
        { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai" },
      ] } }
    }
  }
  assert {
    condition     = one(module.drain).job == var.routes.routes.m.targets[0].job && one(module.drain).drain == var.routes.routes.m.targets[0].drain
    error_message = "The job and its bucket are named as a target names them."
  }
}
