# The whole installation, from the ground up: APIs, what is remembered, the functions, the topics that feed them.

module "timing" {
  source = "../timing"
  timing = var.functions.timing
}

locals {
  members = { for label, account in google_service_account.function : label => account.member }
  callers = { for label, function in local.functions : label => local.members[label] if function.models }
}

module "project" {
  source     = "../project"
  project_id = var.project_id
  extra_services = concat(
    var.operations.budget == null ? [] : ["billingbudgets.googleapis.com"],
    module.routes.by_google ? ["aiplatform.googleapis.com"] : [],
    var.functions.workflow == null ? [] : ["workflowexecutions.googleapis.com", "workflows.googleapis.com"],
    length(local.console) == 0 ? [] : ["iap.googleapis.com"],
    local.traced_by_google ? ["cloudtrace.googleapis.com", "telemetry.googleapis.com"] : [],
  )
}

module "store" {
  source             = "../store"
  project_id         = module.project.project_id
  region             = var.region
  settings           = var.data
  passing            = local.passing
  collections        = merge(local.console_collections, [for function in local.functions : { for label, c in function.collections : label => merge(c, { name = local.collections[label] }) }]...)
  vectors            = module.routes.dimension == null ? {} : { similar = module.routes.dimension }
  operators          = var.operations.operators
  completion_readers = var.response_consumers
  users              = merge({ for label, function in local.functions : label => local.members[label] if function.documents }, local.console_members)
  blob_users         = { for label, function in local.functions : label => { member = local.members[label], folder = function.blobs } if function.blobs != null }
}

module "secrets" {
  source     = "../secrets"
  project_id = module.project.project_id
  region     = var.region
  names      = var.secrets
  readers    = local.callers
  protected  = var.data.protected
}

module "build" {
  source     = "../build"
  project_id = module.project.project_id
  region     = var.region
  bundle     = var.functions.bundle
  destroy    = !var.data.protected
}

locals {
  # Topic => its subscription, and whom that feeds.
  fed = merge([for label, function in local.functions : { for topic, name in function.subscription : topic => { name = name, function = label, pausable = function.pausable } }]...)

  # Who beside our functions publishes, who reads.
  operators = { for member in var.operations.operators : "operator ${member}" => member }
  workflow  = { for workflow in module.workflow : "the workflow" => workflow.member }
  askers    = merge(var.publishers, local.operators)
  asking    = { requests = merge(local.askers, local.console_members), runs = merge(local.askers, local.workflow, local.console_members), callbacks = local.operators, responses = local.console_members }
  reading   = { responses = var.response_consumers }
}

module "topic" {
  source   = "../topic"
  for_each = local.fed

  project_id        = module.project.project_id
  name              = local.topics[each.key]
  region            = var.region
  dead_letter_topic = module.dead_letters.id
  pubsub_agent      = module.project.pubsub_agent
  consumers         = lookup(local.reading, each.key, {})
  publishers = merge(
    lookup(local.asking, each.key, {}),
    { for label, function in local.functions : "our ${function.name}" => local.members[label] if contains(function.publishes, each.key) },
  )
  push = {
    name                  = each.value.name
    endpoint              = module.function[each.value.function].uri
    caller                = module.function[each.value.function].caller
    timeout_s             = module.timing.timing.function_timeout_s
    ack_deadline_s        = module.timing.timing.ack_deadline_s
    max_delivery_attempts = var.functions.max_delivery_attempts
    paused                = each.value.pausable && var.functions.paused
  }
}

module "dead_letters" {
  source       = "../dead_letters"
  project_id   = module.project.project_id
  name         = local.topics.dead_letters
  subscription = local.letters_subscription
  region       = var.region
  publishers   = { for label, function in local.functions : label => local.members[label] if contains(function.publishes, "dead_letters") }
  readers      = var.operations.operators
  archive      = { days = var.data.archive_days, destroy = !var.data.protected }
  pubsub_agent = module.project.pubsub_agent
}

module "warehouse" {
  source            = "../warehouse"
  project_id        = module.project.project_id
  region            = var.region
  topics            = { for label in ["responses", "internal"] : label => { id = module.topic[label].id, name = module.topic[label].name } if contains(keys(local.fed), label) }
  dead_letter_topic = module.dead_letters.id
  pubsub_agent      = module.project.pubsub_agent
  settings = {
    days      = var.data.warehouse_days
    protected = var.data.protected
    analysts  = var.data.analysts
  }
}
