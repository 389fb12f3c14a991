# Every name that the code, other systems or people know, once; those of a function and of its subscription stand in rooms.tf.

locals {
  # As the local stack names them too (scripts/penstock_ops/terminal/topology.py).
  topics = {
    requests     = "llm-requests"
    responses    = "llm-responses"
    dead_letters = "llm-dead-letters"
    runs         = "llm-runs"
    internal     = "llm-internal"
    batches      = "llm-batches"
    callbacks    = "llm-callbacks"
  }

  callbacks_secret = "penstock-callbacks"
  workflow_name    = "run-workflow"
  # The bucket's folders that pass away with their age, and the one that stays (functions/penstock/paths.py).
  passing   = ["tenants/", "dead-letters/"]
  pipelines = "pipelines/"

  letters_subscription = "llm-dead-letters-inspection"

  collections = {
    requests       = "requests"
    orphans        = "orphans"
    cache          = "cache"
    usage          = "usage"
    control        = "control"
    runs           = "runs"
    pages          = "pages"
    callbacks      = "callbacks"
    endpoints      = "endpoints"
    reach          = "reach"
    audit          = "audit"
    bills          = "bills"
    hours          = "hours"
    similar        = "similar"
    evidence       = "evidence"
    audits         = "audits"
    keys           = "keys"
    door_pointers  = "door"
    responses      = "responses"
    files          = "files"
    client_batches = "client_batches"
    piles          = "piles"
    batches        = "batches"

    accounts   = "accounts"
    paces      = "paces"
    turns      = "turns"
    allotments = "allotments"
    drawn      = "drawn"
    doubts     = "doubts"
  }
}
