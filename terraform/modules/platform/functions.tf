locals {
  # Exactly the settings that the code marks as cloud settings; a test compares the two.
  environment = {
    GOOGLE_CLOUD_PROJECT       = var.project_id
    PENSTOCK_REQUEST_TOPIC     = local.topics.requests
    PENSTOCK_RESPONSE_TOPIC    = local.topics.responses
    PENSTOCK_DEAD_LETTER_TOPIC = local.topics.dead_letters
    PENSTOCK_DATABASE          = module.store.database
    PENSTOCK_BUCKET            = module.store.bucket
    PENSTOCK_ROUTES            = jsonencode(local.routes)
  }

  # The routes as the code reads them: a secret by its full name, the engine by its address, and nothing that was left out.
  routes = {
    default = var.routes.default
    routes = { for alias, route in var.routes.routes : alias => {
      fallback = route.fallback
      targets = [for target in route.targets : { for name, value in {
        name            = target.name
        provider        = target.engine ? (try(var.engine.kind, "") == "tgi" ? "tgi" : "openai") : target.provider
        model           = target.model
        base_url        = target.engine ? try(local.engine.base_url, null) : target.base_url
        secret          = target.secret == null ? null : "projects/${var.project_id}/secrets/${target.secret}/versions/${target.secret_version}"
        auth            = target.engine ? "id_token" : null
        timeout_s       = target.timeout_s
        max_concurrency = target.max_concurrency
        price           = target.price
        max_tokens_as   = target.max_tokens_as
      } : name => value if value != null }]
    } }
  }
}

module "handler" {
  source       = "../function"
  project_id   = module.project.project_id
  region       = var.region
  name         = local.functions.handler
  description  = "Request to result: claims it, answers it from the cache or a model, saves and publishes the result."
  build        = module.build.build
  environment  = local.environment
  token_minter = module.project.pubsub_agent
  shape        = merge(var.functions.handler, { timeout_s = module.timing.timing.function_timeout_s, runtime = var.functions.runtime })
}

module "responder" {
  source       = "../function"
  project_id   = module.project.project_id
  region       = var.region
  name         = local.functions.responder
  description  = "Marks a result as delivered, adds up usage and cost, wakes the followers of a shared answer."
  build        = module.build.build
  environment  = local.environment
  token_minter = module.project.pubsub_agent
  shape        = merge(var.functions.responder, { timeout_s = module.timing.timing.function_timeout_s, runtime = var.functions.runtime })
}

module "sweeper" {
  source       = "../function"
  project_id   = module.project.project_id
  region       = var.region
  name         = local.functions.sweeper
  description  = "Each minute: wakes what is due and was forgotten, reports the age of the oldest unfinished request."
  build        = module.build.build
  environment  = local.environment
  token_minter = module.project.scheduler_agent
  shape        = merge(var.functions.sweeper, { timeout_s = 120, runtime = var.functions.runtime })
}

resource "google_cloud_scheduler_job" "sweeper" {
  project     = module.project.project_id
  region      = var.region
  name        = local.functions.sweeper
  description = "Calls the sweeper each minute."
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"
  paused      = var.functions.paused

  attempt_deadline = "120s"

  # The next minute is the retry.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = module.sweeper.uri

    oidc_token {
      service_account_email = module.sweeper.caller
      audience              = module.sweeper.uri
    }
  }
}
