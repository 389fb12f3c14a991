locals {
  # Exactly the settings that the code marks as cloud settings; a test compares the two.
  environment = merge(
    local.always,
    contains(var.functions.rooms, "runs") ? { PENSTOCK_RUNS_TOPIC = local.topics.runs, PENSTOCK_INTERNAL_TOPIC = local.topics.internal } : {},
    contains(var.functions.rooms, "feeds") ? { PENSTOCK_FEEDS = local.feeds } : {},
    contains(var.functions.rooms, "batches") ? { PENSTOCK_BATCHES_TOPIC = local.topics.batches } : {},
    local.comparing,
    local.calling_back,
    contains(var.functions.rooms, "door") ? { PENSTOCK_DOOR = var.functions.door.keys ? "keys" : "iam" } : {},
    local.console_setting,
  )

  always = {
    GOOGLE_CLOUD_PROJECT       = var.project_id
    PENSTOCK_REQUEST_TOPIC     = local.topics.requests
    PENSTOCK_RESPONSE_TOPIC    = local.topics.responses
    PENSTOCK_DEAD_LETTER_TOPIC = local.topics.dead_letters
    PENSTOCK_DATABASE          = module.store.database
    PENSTOCK_BUCKET            = module.store.bucket
    PENSTOCK_ROUTES            = jsonencode(module.routes.routes)
    PENSTOCK_BUDGETS           = local.budgets
    PENSTOCK_LIMITS            = local.limits
    PENSTOCK_TRACES            = local.traces.endpoint
    PENSTOCK_TRACES_SHARE      = tostring(local.traces.share)
    PENSTOCK_TRACES_SLOW_S     = tostring(local.traces.slow_s)
  }
}

resource "google_service_account" "function" {
  for_each = local.functions

  project      = module.project.project_id
  account_id   = each.value.name
  display_name = "Penstock: runs ${each.value.name}"
}

module "function" {
  source   = "../function"
  for_each = local.functions

  project_id   = module.project.project_id
  region       = var.region
  name         = each.value.name
  description  = each.value.description
  identity     = google_service_account.function[each.key]
  build        = module.build.build
  environment  = local.environment
  open_to      = each.value.open ? var.functions.door.callers : []
  token_minter = each.value.schedule == null ? module.project.pubsub_agent : module.project.scheduler_agent

  shape = merge(
    local.shapes[each.key],
    { timeout_s = coalesce(each.value.timeout_s, module.timing.timing.function_timeout_s), runtime = var.functions.runtime },
  )
}

resource "google_cloud_scheduler_job" "this" {
  for_each = { for label, function in local.functions : label => function if function.schedule != null }

  project     = module.project.project_id
  region      = var.region
  name        = each.value.name
  description = each.value.schedule.description
  schedule    = each.value.schedule.cron
  time_zone   = "Etc/UTC"
  paused      = each.value.pausable && var.functions.paused

  attempt_deadline = "${each.value.timeout_s}s"

  # The next minute is the retry.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = module.function[each.key].uri

    oidc_token {
      service_account_email = module.function[each.key].caller
      audience              = module.function[each.key].uri
    }
  }
}
