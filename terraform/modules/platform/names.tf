# Every name that the code, other systems or people know, once.

locals {
  topics = {
    requests     = "llm-requests"
    responses    = "llm-responses"
    dead_letters = "llm-dead-letters"
  }

  # As the local stack names them too (scripts/penstock_ops/terminal/topology.py).
  subscriptions = {
    requests     = "llm-requests-handler"
    responses    = "llm-responses-processor"
    dead_letters = "llm-dead-letters-inspection"
  }

  # Entry points in functions/main.py, with hyphens.
  functions = {
    handler   = "request-handler"
    responder = "response-processor"
    sweeper   = "sweeper"
  }

  collections = {
    requests = "requests"
    orphans  = "orphans"
    cache    = "cache"
    usage    = "usage"
    control  = "control"
  }
}
