# Every function: what it is, what wakes it, what it may do. The core is always there; any other entry (rooms_beyond.tf) is a room that `functions.rooms` switches on,
# and one that is off leaves no function, identity, topic, subscription, collection or grant behind.

locals {
  rooms = merge(local.core, local.beyond)

  core = {
    handler = {
      core         = true
      name         = "request-handler"
      description  = "Request to result: claims it, answers it from the cache or a model, saves and publishes the result."
      shape        = { cpu = 1, memory = "512Mi", concurrency = 80, min_instances = 0, max_instances = 10 }
      subscription = { requests = "llm-requests-handler" }
      pausable     = true
      publishes    = ["responses", "internal", "dead_letters"]
      models       = true
      blobs        = ""
      collections = {
        requests = { expires = true, indexed = ["due_at", "open_since", "following"] }
        orphans  = { expires = true }
        cache    = { expires = true }
        usage    = { indexed = ["day"] }
        control  = {}
      }
      beside = {
        runs    = { indexed = { requests = ["done_in", "laned_in"] } }
        batches = { indexed = { requests = ["waits"] } }
        limits  = { indexed = { requests = ["waits"] }, collections = { paces = {}, turns = {} } }
        similar = { indexed = { requests = ["similar_of"] }, collections = { similar = { expires = true }, evidence = {}, audits = {} } }
        budgets = {
          indexed     = { requests = ["holding"] }
          collections = { accounts = {}, allotments = { expires = true, indexed = ["due_at"] }, drawn = {}, doubts = { expires = true } }
        }
      }
    }
    responder = {
      core         = true
      name         = "response-processor"
      description  = "Marks a result as delivered, adds up usage and cost, wakes the followers of a shared answer."
      shape        = { cpu = 1, memory = "512Mi", concurrency = 80, min_instances = 0, max_instances = 3 }
      subscription = { responses = "llm-responses-processor" }
      beside       = { runs = { subscription = { internal = "llm-internal-processor" } } }
      # Wakes for the followers, for the pages of runs and for callbacks; letters for what on the response topic is no result.
      publishes = ["requests", "runs", "callbacks", "dead_letters"]
      # Letters too long for a message; it reads no prompts.
      blobs = "dead-letters/"
    }
    sweeper = {
      core        = true
      name        = "sweeper"
      description = "Each minute: wakes what is due and was forgotten, reports the age of the oldest unfinished request."
      shape       = { cpu = 1, memory = "512Mi", concurrency = 2, min_instances = 0, max_instances = 1 }
      timeout_s   = 120
      schedule    = { cron = "* * * * *", description = "Calls the sweeper each minute." }
      pausable    = true
      publishes   = ["requests", "runs", "batches", "callbacks"]
    }
  }

  # What an entry need not say.
  usual = {
    core         = false
    timeout_s    = null  # the deadline of one delivery, see modules/timing
    subscription = {}    # the topic's label in names.tf => name of the subscription that pushes to it; the topic is made with it
    schedule     = null  # Cloud Scheduler's entry that calls it, where no topic does
    pausable     = false # whether it rests while functions.paused is set
    publishes    = []    # topics, by their labels in names.tf; nothing comes of one whose room is off
    documents    = true  # reads and writes the database
    blobs        = null  # the folder of the bucket that it reads and writes; "": all of it
    open         = false # whether functions.door.callers may call it from the internet
    models       = false # calls models: reads the provider keys, may ask the engine and Google's models
    beside       = {}    # another room => what this one has more while that is on: a subscription, collections, and by collection indexed fields
    collections  = {}    # label in names.tf => whether its documents expire, and the fields that are asked for
    needs        = {}    # sentence that says what to set => whether it is set
  }

  beside = { for label, room in local.rooms : label => [for other, more in try(room.beside, {}) : more if contains(local.switched_on, other)] }

  functions = { for label, room in local.rooms : label => merge(local.usual, room, {
    subscription = merge(try(room.subscription, {}), [for more in local.beside[label] : try(more.subscription, {})]...)
    collections = { for name, collection in merge(try(room.collections, {}), [for more in local.beside[label] : try(more.collections, {})]...) : name => merge(collection, {
      indexed = distinct(concat(try(collection.indexed, []), flatten([for more in local.beside[label] : try(more.indexed[name], [])])))
    }) }
  }) if try(room.core, false) || contains(var.functions.rooms, label) }

  # Those that a name switches on; the others are the core.
  switches = [for label, room in local.rooms : label if !try(room.core, false)]

  shapes = { for label, room in local.rooms : label => merge(room.shape, { for name, value in try(var.functions.shapes[label], {}) : name => value if value != null }) }

  # A room that another one must be on for cannot say so in its entry: the entries tell which names there are.
  lacking = concat(
    flatten([for label, room in local.functions : [for sentence, met in room.needs : "${label}: ${sentence}" if !met]]),
    contains(var.functions.rooms, "feeds") && !contains(var.functions.rooms, "runs") ? ["feeds: Switch on runs too, rooms = [\"runs\", \"feeds\"]."] : [],
    local.compares && length(var.functions.bills) == 0 ? ["bills: Name the accounts in functions.bills."] : [],
  )
}

output "functions" {
  description = "What is deployed: label => the function's name."
  value       = { for label, function in module.function : label => function.name }

  precondition {
    condition     = length(local.lacking) == 0
    error_message = "A room is switched on without what it needs. ${join(" ", local.lacking)}"
  }

  precondition {
    condition     = module.routes.batched == contains(var.functions.rooms, "batches")
    error_message = module.routes.batched ? "A target is in lane batch, and nobody works batches off: add \"batches\" to functions.rooms, or take the target's lane away." : "functions.rooms names batches, and no target is in lane batch: take the room out, once `penstock batches list` shows none that is open."
  }
}
