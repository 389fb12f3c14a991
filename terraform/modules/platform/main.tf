# The whole installation, from the ground up: APIs, what is remembered, the functions, the topics that feed them.

module "timing" {
  source = "../timing"
  timing = var.functions.timing
}

module "project" {
  source         = "../project"
  project_id     = var.project_id
  extra_services = var.operations.budget == null ? [] : ["billingbudgets.googleapis.com"]
}

module "store" {
  source             = "../store"
  project_id         = module.project.project_id
  region             = var.region
  settings           = var.data
  collections        = local.collections
  operators          = var.operations.operators
  completion_readers = var.response_consumers
  users = {
    handler   = module.handler.member
    responder = module.responder.member
    sweeper   = module.sweeper.member
  }
  blob_users = {
    handler   = { member = module.handler.member }
    responder = { member = module.responder.member, folder = "dead-letters/" } # long letters; it reads no prompts
  }
}

module "secrets" {
  source     = "../secrets"
  project_id = module.project.project_id
  region     = var.region
  names      = var.secrets
  readers    = { handler = module.handler.member }
  protected  = var.data.protected
}

module "build" {
  source     = "../build"
  project_id = module.project.project_id
  region     = var.region
  bundle     = var.functions.bundle
  destroy    = !var.data.protected
}

module "requests" {
  source            = "../topic"
  project_id        = module.project.project_id
  name              = local.topics.requests
  region            = var.region
  dead_letter_topic = module.dead_letters.id
  pubsub_agent      = module.project.pubsub_agent
  publishers = merge(
    var.publishers,
    { for member in var.operations.operators : "operator ${member}" => member },
    # Wakes: response_processor for followers, the sweeper for everything that is due.
    { "our response-processor" = module.responder.member, "our sweeper" = module.sweeper.member },
  )
  push = {
    name                  = local.subscriptions.requests
    endpoint              = module.handler.uri
    caller                = module.handler.caller
    timeout_s             = module.timing.timing.function_timeout_s
    ack_deadline_s        = module.timing.timing.ack_deadline_s
    max_delivery_attempts = var.functions.max_delivery_attempts
    paused                = var.functions.paused
  }
}

module "responses" {
  source            = "../topic"
  project_id        = module.project.project_id
  name              = local.topics.responses
  region            = var.region
  dead_letter_topic = module.dead_letters.id
  pubsub_agent      = module.project.pubsub_agent
  consumers         = var.response_consumers
  publishers        = { "our request-handler" = module.handler.member }
  push = {
    name                  = local.subscriptions.responses
    endpoint              = module.responder.uri
    caller                = module.responder.caller
    timeout_s             = module.timing.timing.function_timeout_s
    ack_deadline_s        = module.timing.timing.ack_deadline_s
    max_delivery_attempts = var.functions.max_delivery_attempts
  }
}

module "dead_letters" {
  source       = "../dead_letters"
  project_id   = module.project.project_id
  name         = local.topics.dead_letters
  subscription = local.subscriptions.dead_letters
  region       = var.region
  # The handler for requests, response_processor for what on the response topic is no result.
  publishers   = { handler = module.handler.member, responder = module.responder.member }
  readers      = var.operations.operators
  archive      = { days = var.data.archive_days, destroy = !var.data.protected }
  pubsub_agent = module.project.pubsub_agent
}

module "warehouse" {
  source            = "../warehouse"
  project_id        = module.project.project_id
  region            = var.region
  topic             = module.responses.id
  topic_name        = module.responses.name
  dead_letter_topic = module.dead_letters.id
  pubsub_agent      = module.project.pubsub_agent
  settings = {
    days      = var.data.warehouse_days
    protected = var.data.protected
    analysts  = var.data.analysts
  }
}
