# The functions of the rooms beyond the core, each off until `functions.rooms` names it. rooms.tf says what an entry may hold.

locals {
  beyond = {
    door = {
      name        = "front-door"
      description = "OpenAI's API: answers what is asked over HTTP, as requests of a tenant."
      # Each call is held open until it is answered; a body of 9 MB is in memory.
      shape     = { cpu = 1, memory = "1Gi", concurrency = 80, min_instances = 0, max_instances = 10 }
      open      = true
      publishes = ["requests", "responses", "dead_letters", "runs"]
      models    = true
      blobs     = ""
      collections = {
        keys           = {}
        door_pointers  = { expires = true }
        responses      = { expires = true }
        files          = { expires = true }
        client_batches = { expires = true }
      }
    }
    runs = {
      name        = "run-handler"
      description = "Runs: publishes their members page by page, collects what became of them, plans the next step."
      # A page and its answers are in memory at once: few of them beside each other.
      shape        = { cpu = 1, memory = "1Gi", concurrency = 4, min_instances = 0, max_instances = 10 }
      subscription = { runs = "llm-runs-handler" }
      pausable     = true
      publishes    = ["requests", "runs", "callbacks", "dead_letters"]
      blobs        = ""
      collections = {
        runs  = { expires = true, indexed = ["due_at", "open_since"] }
        pages = { expires = true }
      }
    }
    batches = {
      name        = "batcher"
      description = "Lanes that wait: seals piles of requests, sends them to a provider as files, collects what it answers."
      # A file and its members' list are in memory at once.
      shape        = { cpu = 1, memory = "1Gi", concurrency = 4, min_instances = 0, max_instances = 5 }
      subscription = { batches = "llm-batches-batcher" }
      pausable     = true
      publishes    = ["responses", "internal", "dead_letters", "batches"]
      models       = true
      blobs        = ""
      collections = {
        piles   = { expires = true, indexed = ["due_at", "open_since"] }
        batches = { expires = true, indexed = ["due_at", "open_since"] }
      }
    }
    feeds = {
      name        = "feed-reader"
      description = "By the day: reads feeds, and asks one run about the entries of each."
      shape       = { cpu = 1, memory = "512Mi", concurrency = 1, min_instances = 0, max_instances = 1 }
      timeout_s   = 300
      schedule    = { cron = var.data.feeds.cron, description = "Has the feeds read." }
      pausable    = true
      publishes   = ["runs"]
      documents   = false
      needs = {
        "Set data.feeds.urls, and as data.feeds.pipeline a name in data.pipelines." = length(var.data.feeds.urls) > 0 && contains(keys(var.data.pipelines), var.data.feeds.pipeline)
      }
    }
    bills = {
      name        = "reconciler"
      description = "By the day: compares what providers bill with the ledger, and names each difference."
      shape       = { cpu = 1, memory = "512Mi", concurrency = 1, min_instances = 0, max_instances = 1 }
      timeout_s   = 300
      # By six what a provider adds in the night is there; a day is looked at two and seven days after it.
      schedule    = { cron = "0 6 * * *", description = "Has the bills of two and of seven days ago compared." }
      collections = { bills = {} }
    }
    callbacks = {
      name         = "courier"
      description  = "Tells endpoints that a request or a run has ended: signed, again until they take it."
      shape        = { cpu = 1, memory = "512Mi", concurrency = 40, min_instances = 0, max_instances = 5 }
      subscription = { callbacks = "llm-callbacks-courier" }
      publishes    = ["dead_letters"]
      # Answers too long for a callback, which it links to.
      blobs = "tenants/"
      collections = {
        callbacks = { expires = true, indexed = ["due_at", "open_since"] }
        endpoints = {}
        reach     = {}
      }
    }
  }
}
