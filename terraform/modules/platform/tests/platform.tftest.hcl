# The composition: who feeds whom, who may what, with everything that is optional switched on.

mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://engine.example.run.app" }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

# Mocks make random strings; grants can only be read when every identity has its name.
override_resource {
  target = google_service_account.function["handler"]
  values = { member = "serviceAccount:request-handler@my-project-1", email = "request-handler@my-project-1", name = "accounts/request-handler" }
}
override_resource {
  target = module.function["handler"].google_service_account.caller
  values = { member = "serviceAccount:request-handler-caller@my-project-1", email = "request-handler-caller@my-project-1", name = "accounts/request-handler-caller" }
}
override_resource {
  target = google_service_account.function["responder"]
  values = { member = "serviceAccount:response-processor@my-project-1", email = "response-processor@my-project-1", name = "accounts/response-processor" }
}
override_resource {
  target = module.function["responder"].google_service_account.caller
  values = { member = "serviceAccount:response-processor-caller@my-project-1", email = "response-processor-caller@my-project-1", name = "accounts/response-processor-caller" }
}
override_resource {
  target = google_service_account.function["sweeper"]
  values = { member = "serviceAccount:sweeper@my-project-1", email = "sweeper@my-project-1", name = "accounts/sweeper" }
}
override_resource {
  target = module.function["sweeper"].google_service_account.caller
  values = { member = "serviceAccount:sweeper-caller@my-project-1", email = "sweeper-caller@my-project-1", name = "accounts/sweeper-caller" }
}
override_resource {
  target = google_service_account.function["runs"]
  values = { member = "serviceAccount:run-handler@my-project-1", email = "run-handler@my-project-1", name = "accounts/run-handler" }
}
override_resource {
  target = module.function["runs"].google_service_account.caller
  values = { member = "serviceAccount:run-handler-caller@my-project-1", email = "run-handler-caller@my-project-1", name = "accounts/run-handler-caller" }
}

override_resource {
  target = google_service_account.function["door"]
  values = { member = "serviceAccount:front-door@my-project-1", email = "front-door@my-project-1", name = "accounts/front-door" }
}

override_resource {
  target = module.function["door"].google_service_account.caller
  values = { member = "serviceAccount:front-door-caller@my-project-1", email = "front-door-caller@my-project-1", name = "accounts/front-door-caller" }
}
override_resource {
  target = google_service_account.function["batches"]
  values = { member = "serviceAccount:batcher@my-project-1", email = "batcher@my-project-1", name = "accounts/batcher" }
}
override_resource {
  target = module.function["batches"].google_service_account.caller
  values = { member = "serviceAccount:batcher-caller@my-project-1", email = "batcher-caller@my-project-1", name = "accounts/batcher-caller" }
}
override_resource {
  target = google_service_account.function["feeds"]
  values = { member = "serviceAccount:feed-reader@my-project-1", email = "feed-reader@my-project-1", name = "accounts/feed-reader" }
}
override_resource {
  target = module.function["feeds"].google_service_account.caller
  values = { member = "serviceAccount:feed-reader-caller@my-project-1", email = "feed-reader-caller@my-project-1", name = "accounts/feed-reader-caller" }
}
override_resource {
  target = google_service_account.function["bills"]
  values = { member = "serviceAccount:reconciler@my-project-1", email = "reconciler@my-project-1", name = "accounts/reconciler" }
}
override_resource {
  target = module.function["bills"].google_service_account.caller
  values = { member = "serviceAccount:reconciler-caller@my-project-1", email = "reconciler-caller@my-project-1", name = "accounts/reconciler-caller" }
}
override_resource {
  target = google_service_account.function["callbacks"]
  values = { member = "serviceAccount:courier@my-project-1", email = "courier@my-project-1", name = "accounts/courier" }
}
override_resource {
  target = module.function["callbacks"].google_service_account.caller
  values = { member = "serviceAccount:courier-caller@my-project-1", email = "courier-caller@my-project-1", name = "accounts/courier-caller" }
}
override_resource {
  target = module.workflow[0].google_service_account.this
  values = { member = "serviceAccount:run-workflow@my-project-1", id = "projects/my-project-1/serviceAccounts/run-workflow", name = "accounts/run-workflow" }
}
override_resource {
  target = google_service_account.console[0]
  values = { member = "serviceAccount:console@my-project-1", email = "console@my-project-1", name = "accounts/console" }
}
override_resource {
  target = module.console[0].google_project_service_identity.iap
  values = { member = "serviceAccount:gcp-sa-iap@google" }
}
override_resource {
  target = module.build.google_service_account.builder
  values = { member = "serviceAccount:penstock-builder@my-project-1", email = "penstock-builder@my-project-1", name = "accounts/penstock-builder" }
}
override_resource {
  target = module.delivery[0].google_service_account.deployer
  values = { member = "serviceAccount:penstock-deployer@my-project-1", email = "penstock-deployer@my-project-1", name = "accounts/penstock-deployer" }
}
override_resource {
  target = module.engine[0].google_service_account.this
  values = { member = "serviceAccount:engine@my-project-1", email = "engine@my-project-1", name = "accounts/engine" }
}
override_resource {
  target = module.project.google_project_service_identity.this["pubsub.googleapis.com"]
  values = { member = "serviceAccount:gcp-sa-pubsub@google" }
}
override_resource {
  target = module.project.google_project_service_identity.this["cloudscheduler.googleapis.com"]
  values = { member = "serviceAccount:gcp-sa-cloudscheduler@google" }
}

override_resource {
  target = module.build.google_artifact_registry_repository.images
  values = { name = "penstock-functions" }
}

variables {
  project_id  = "my-project-1"
  region      = "us-central1"
  environment = "test"
  functions   = { bundle = "tests/bundle.stand-in" }
  secrets     = ["openai"]
  routes = {
    default = "fast"
    routes  = { fast = { targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai" }] } }
  }
}

run "as_small_as_it_gets" {
  assert {
    condition     = length(module.engine) == 0 && length(module.delivery) == 0 && length(module.console) == 0 && output.engine == null && output.deployer == null && output.console == null
    error_message = "Engine, delivery and console must be off by default."
  }
  assert {
    condition     = length(google_project_iam_member.models) == 0 && !contains(module.project.services, "aiplatform.googleapis.com")
    error_message = "Without a target of Google's own nobody may ask its models, and the API stays off."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["sweeper"].schedule == "* * * * *" && one(one(google_cloud_scheduler_job.this["sweeper"].http_target).oidc_token).audience == one(google_cloud_scheduler_job.this["sweeper"].http_target).uri && google_cloud_scheduler_job.this["sweeper"].paused == false
    error_message = "The sweeper must be called each minute, with a token made for it."
  }
}

run "with_callbacks" {
  variables {
    functions = { bundle = "tests/bundle.stand-in", rooms = ["callbacks"], endpoints = { crm = { url = "https://crm.example.com/hooks" }, "acme/crm" = { url = "https://acme.example.com/", version = 2, rotated_at = "2026-11-28T12:00:00Z" } } }
  }
  assert {
    condition     = google_firestore_document.endpoint["crm"].collection == "tenants/default/endpoints" && google_firestore_document.endpoint["acme/crm"].collection == "tenants/acme/endpoints" && google_firestore_document.endpoint["acme/crm"].document_id == "crm"
    error_message = "An endpoint must lie where the courier looks for it."
  }
  assert {
    condition     = jsondecode(google_firestore_document.endpoint["acme/crm"].fields).version.integerValue == "2" && !can(jsondecode(google_firestore_document.endpoint["crm"].fields).rotated_at)
    error_message = "An endpoint's fields must be as Firestore writes them."
  }
}

run "with_everything" {
  variables {
    publishers         = { app = "serviceAccount:publisher@elsewhere" }
    response_consumers = { app = { member = "serviceAccount:consumer@elsewhere", tenant = "acme" } }
    functions          = { bundle = "tests/bundle.stand-in", rooms = ["runs", "feeds", "callbacks", "batches", "door", "bills"], bills = { openai = { provider = "openai", key = "key_1" } }, door = { callers = ["serviceAccount:shop@elsewhere"] }, workflow = { notify_topic = "digests" }, peak_in_flight = 80, traces = {}, budgets = [{ scope = "all", usd = 30 }], limits = [{ scope = "tenant:acme", rpm = 60, weight = 3 }], shapes = { handler = { max_instances = 2 } } }
    operations         = { operators = ["user:operator@example.com"], console = { viewers = ["group:viewer@example.com"] }, emails = ["ops@example.com"], thresholds = { p95_s = 60 }, budget = { billing_account = "012345-6789AB-CDEF01", units = 50 } }
    delivery           = { state_bucket = "my-state", repository = "projects/p/locations/us-central1/connections/c/repositories/r" }
    data               = { analysts = ["group:analyst@example.com"], feeds = { urls = ["https://example.com/feed.xml"] }, pipelines = { feed = { version = 1, steps = [{ id = "summary", map = { request = { prompt = "Summarise: {{item.text}}" } } }] } } }
    engine = {
      kind           = "vllm"
      image          = "vllm/vllm-openai@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      model          = "some/model"
      gpu            = "nvidia-l4"
      concurrency    = 32
      weights_bucket = "my-weights"
      weights_path   = "some-model"
      vllm           = { max_num_seqs = 32 }
    }
    routes = {
      default = "fast"
      routes = {
        embedding = { targets = [{ name = "embedding", provider = "openai", model = "text-embedding-3-small", secret = "openai" }] }
        fast      = { similar = { max_wrong = 0.02, embedder = "embedding", verifier = "nano", judge = "lazy" }, targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai", secret_version = "3", max_tokens_as = "max_completion_tokens" }] }
        free      = { targets = [{ name = "flash", provider = "openai", model = "google/gemini-3.5-flash", auth = "access_token", base_url = "https://us-central1-aiplatform.googleapis.com/v1/projects/my-project-1/locations/us-central1/endpoints/openapi" }] }
        own       = { fallback = true, targets = [{ name = "gpu", model = "some/model", engine = true, max_concurrency = 16 }, { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai", secret_version = "3", max_tokens_as = "max_completion_tokens" }] }
        lazy      = { choose = "cheapest", targets = [{ name = "batch", provider = "openai", model = "gpt-5.4-nano", secret = "openai", lane = "batch", max_output = 1000 }, { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai", secret_version = "3", max_tokens_as = "max_completion_tokens" }] }
      }
    }
  }
  assert {
    condition = jsondecode(output.environment.PENSTOCK_ROUTES) == {
      default = "fast"
      routes = {
        embedding = { fallback = false, targets = [{ name = "embedding", provider = "openai", model = "text-embedding-3-small", secret = "projects/my-project-1/secrets/openai/versions/latest" }] }
        fast      = { fallback = false, similar = { max_wrong = 0.02, embedder = "embedding", verifier = "nano", judge = "lazy" }, targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/3", max_tokens_as = "max_completion_tokens" }] }
        free      = { fallback = false, targets = [{ name = "flash", provider = "openai", model = "google/gemini-3.5-flash", base_url = "https://us-central1-aiplatform.googleapis.com/v1/projects/my-project-1/locations/us-central1/endpoints/openapi", auth = "access_token" }] }
        lazy = { fallback = false, choose = "cheapest", targets = [
          { name = "batch", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/latest", lane = "batch", max_output = 1000 },
          { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/3", max_tokens_as = "max_completion_tokens" },
        ] }
        own = { fallback = true, targets = [
          { name = "gpu", provider = "openai", model = "some/model", base_url = "https://engine.example.run.app/v1", auth = "id_token", max_concurrency = 16, scales_to_zero = true },
          { name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "projects/my-project-1/secrets/openai/versions/3", max_tokens_as = "max_completion_tokens" },
        ] }
      }
    }
    error_message = "The routes are not handed on as the code reads them."
  }
  assert {
    condition     = contains(module.project.services, "aiplatform.googleapis.com")
    error_message = "The API of Google's models is off."
  }
  assert {
    condition     = jsondecode(output.environment.PENSTOCK_CONSOLE).operators == ["operator@example.com"] && endswith(jsondecode(output.environment.PENSTOCK_CONSOLE).audience, "/locations/us-central1/services/console")
    error_message = "The console must know whom to believe, and who may act."
  }
  assert {
    condition     = output.engine == "https://engine.example.run.app/v1" && output.consumer_subscriptions == { app = "llm-responses-app" } && output.deployer != null
    error_message = "What was switched on is not there."
  }
}

run "bills_are_compared" {
  command = plan
  variables {
    functions = { bundle = "tests/bundle.stand-in", rooms = ["bills"], bills = { openai = { provider = "openai", project = "proj_1", targets = ["nano"] } } }
  }
  assert {
    condition     = jsondecode(local.environment.PENSTOCK_BILLS) == [{ name = "openai", provider = "openai", secret = "projects/my-project-1/secrets/penstock-bill-openai/versions/latest", project = "proj_1", targets = ["nano"] }]
    error_message = "The accounts are not handed on as the code reads them."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["bills"].schedule == "0 6 * * *" && google_service_account.function["bills"].account_id == "reconciler"
    error_message = "The reconciler is called by the day, as itself."
  }
}

run "refuses_bills_without_an_account" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", rooms = ["bills"] } }
  expect_failures = [output.functions]
}

run "refuses_bills_of_nobody" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", rooms = ["bills"], bills = { acme = { provider = "acme" } } } }
  expect_failures = [var.functions]
}

run "pipelines_under_their_hash" {
  command = plan
  variables { data = { pipelines = { classify = { version = 1, steps = [{ id = "label", map = { request = { prompt = "Which? {{item.text}}" } } }] } } } }
  assert {
    condition     = google_storage_bucket_object.pipeline["classify"].name == "pipelines/classify/${output.pipelines.classify.sha256}.json" && sha256(google_storage_bucket_object.pipeline["classify"].content) == output.pipelines.classify.sha256
    error_message = "A run that names the pipeline by the output's hash would not find it."
  }
}

run "refuses_a_pipeline_without_steps" {
  command = plan
  variables { data = { pipelines = { classify = { version = 1 } } } }
  expect_failures = [var.data]
}

run "feeds_without_runs" {
  command = plan
  variables {
    functions = { bundle = "tests/bundle.stand-in", rooms = ["feeds"] }
    data      = { feeds = { urls = ["https://example.com/feed.xml"] } }
  }
  expect_failures = [output.functions]
}

run "refuses_a_feed_that_is_no_address" {
  command = plan
  variables { data = { feeds = { urls = ["https://me:secret@example.com/feed.xml"], cron = "daily" } } }
  expect_failures = [var.data]
}

run "traced_elsewhere" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", traces = { endpoint = "https://collector.example.com/v1/traces", share = 1 } } }
  assert {
    condition     = length(google_project_iam_member.traces) == 0 && local.environment.PENSTOCK_TRACES == "https://collector.example.com/v1/traces" && local.environment.PENSTOCK_TRACES_SHARE == "1"
    error_message = "A collector of one's own needs no grant of Google's."
  }
}

run "paused" {
  command = plan
  variables { functions = { bundle = "tests/bundle.stand-in", paused = true } }
  assert {
    condition     = length(google_project_iam_member.models) == 0 && !contains(module.project.services, "aiplatform.googleapis.com")
    error_message = "Without a target of Google's own nobody may ask its models, and the API stays off."
  }
  assert {
    condition     = length(google_project_iam_member.traces) == 0 && !contains(module.project.services, "telemetry.googleapis.com") && local.environment.PENSTOCK_TRACES == "off"
    error_message = "Traces are off unless functions.traces says where they go."
  }
  assert {
    condition     = local.environment.PENSTOCK_LIMITS == "off"
    error_message = "Shared limits are off unless functions.limits is set."
  }
  assert {
    condition     = local.environment.PENSTOCK_BUDGETS == "off"
    error_message = "Budgets are off unless functions.budgets is set."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["sweeper"].paused
    error_message = "A pause must rest the sweeper too, or its wakes pile up."
  }
}
