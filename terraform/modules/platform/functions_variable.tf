variable "functions" {
  description = <<-EOT
    `bundle`: path of the zip that scripts/bundle makes. `runtime`: the Python of all of them. `rooms`: the rooms to switch on beyond the core, by their labels in rooms.tf.
    `shapes`: label => what is to differ from the shape in rooms.tf, see modules/function; `handler = { min_instances = 1 }` keeps one warm.
    `peak_in_flight`: how many requests may wait for a model at the same moment (requests per second x seconds per answer); the handler must have room for them. Pub/Sub's push window lets about 3,000 per subscription be in flight, however many instances there are.
    `timing`: the function's timeout and the ack deadline, see modules/timing. `max_delivery_attempts`: 5-100, see modules/topic.
    `traces`: null, or where traces go and which are kept, see docs/traces.md: `endpoint`, the collector's whole address (default: Cloud Trace), `share` of the unremarkable ones, `slow_s` from which a request is slow.
    `budgets`: null (off), or the budgets that hold where `penstock budget set` says nothing else, see docs/money.md: `scope` (all, tenant:NAME, target:NAME), `period` (day, month), `model`, `usd`, `on_exhausted` (park, fail).
    `workflow`: null, or a workflow of Google's that begins runs and waits for them, see docs/callbacks.md: `notify_topic`, a topic that is told of those that succeeded; `project_number`, where executions name the project by its number.
    `endpoints`: where callbacks may go, see docs/callbacks.md: name, or tenant/name => `url`, and for another key `version` with the time of the change in `rotated_at`.
    `bills`: accounts at providers whose bills are compared, see docs/money.md: name => `provider` (openai, anthropic, openrouter), and where the account is shared the provider's ids of this deployment's `project` or `key`; `targets`, default: those whose address is the provider's.
    `door`: who may call the front door, see docs/door.md: `callers`, IAM members (default: everybody, since each call shows a key of the door's own), and `keys`, whether calls show such a key.
    `drain`: null, or a GPU of one's own that works batches off, see modules/drain and docs/lanes.md; with the room batches. `paused`: no requests are delivered and the sweeper rests; messages wait for up to 7 days. What is in flight ends.
  EOT
  type = object({
    bundle  = string
    runtime = optional(string, "python313")
    rooms   = optional(set(string), [])
    shapes = optional(map(object({
      cpu           = optional(number)
      memory        = optional(string)
      concurrency   = optional(number)
      min_instances = optional(number)
      max_instances = optional(number)
    })), {})
    peak_in_flight        = optional(number, 500)
    timing                = optional(object({ function_timeout_s = optional(number), ack_deadline_s = optional(number) }), {})
    max_delivery_attempts = optional(number, 100)
    traces = optional(object({
      endpoint = optional(string, "https://telemetry.googleapis.com/v1/traces")
      share    = optional(number, 0.01)
      slow_s   = optional(number, 60)
    }))
    budgets = optional(list(object({
      scope        = string
      period       = optional(string, "month")
      model        = optional(string)
      usd          = number
      on_exhausted = optional(string, "park")
    })))
    limits = optional(list(object({
      scope  = string
      rpm    = optional(number)
      tpm    = optional(number)
      weight = optional(number)
    })))
    workflow = optional(object({ notify_topic = optional(string), project_number = optional(string) }))
    endpoints = optional(map(object({
      url        = string
      version    = optional(number, 1)
      rotated_at = optional(string)
    })), {})
    bills = optional(map(object({
      provider = string
      project  = optional(string)
      key      = optional(string)
      targets  = optional(set(string), [])
    })), {})
    door = optional(object({ callers = optional(set(string), ["allUsers"]), keys = optional(bool, true) }), {})
    drain = optional(object({
      region         = optional(string)
      image          = string
      model          = string
      weights_bucket = optional(string)
      weights_path   = optional(string)
      gpu            = string
      cpu            = optional(number)
      memory         = optional(string)
      width          = optional(number, 256)
      args           = optional(list(string), [])
      spot           = optional(object({ machine_type = optional(string), network = optional(string), subnetwork = optional(string), retries = optional(number, 3) }))
    }))
    paused = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = length(setsubtract(var.functions.rooms, local.switches)) == 0
    error_message = "functions.rooms names ${join(", ", setsubtract(var.functions.rooms, local.switches))}, which no room is called that can be switched on. ${length(local.switches) == 0 ? "There is none: the core is always on." : "There are: ${join(", ", local.switches)}."}"
  }
  validation {
    condition     = var.functions.drain == null || contains(var.functions.rooms, "batches")
    error_message = "functions.drain works batches off: put \"batches\" into functions.rooms, or leave it out."
  }
  validation {
    condition     = length(setsubtract(keys(var.functions.shapes), keys(local.rooms))) == 0
    error_message = "functions.shapes names ${join(", ", setsubtract(keys(var.functions.shapes), keys(local.rooms)))}, which is no function. There are: ${join(", ", keys(local.rooms))}."
  }
  validation {
    condition     = coalesce(try(var.functions.shapes.handler.max_instances, null), local.rooms.handler.shape.max_instances) * coalesce(try(var.functions.shapes.handler.concurrency, null), local.rooms.handler.shape.concurrency) >= var.functions.peak_in_flight
    error_message = "handler.max_instances x handler.concurrency is ${coalesce(try(var.functions.shapes.handler.max_instances, null), local.rooms.handler.shape.max_instances) * coalesce(try(var.functions.shapes.handler.concurrency, null), local.rooms.handler.shape.concurrency)}, less than peak_in_flight (${var.functions.peak_in_flight}): Cloud Run would answer 429 to the rest, and each 429 spends one of the message's delivery attempts. Raise max_instances or concurrency, or lower peak_in_flight."
  }
  validation {
    condition     = var.functions.peak_in_flight >= 1 && var.functions.peak_in_flight <= 3000
    error_message = "peak_in_flight is ${var.functions.peak_in_flight}; Pub/Sub's push window ends at about 3,000 in flight per subscription: plan for 1 to 3000, and for more throughput with shorter answers or a second installation."
  }
  validation {
    condition     = var.functions.traces == null || can(regex("^https?://[^\\s/?#@]+/\\S*$", var.functions.traces.endpoint))
    error_message = "functions.traces.endpoint must be a collector's whole http(s) address without user and password, such as https://collector.example.com/v1/traces."
  }
  validation {
    condition     = var.functions.traces == null || try(var.functions.traces.share >= 0 && var.functions.traces.share <= 1 && var.functions.traces.slow_s >= 0 && var.functions.traces.slow_s <= 86400, false)
    error_message = "functions.traces: share must be a number from 0 to 1, slow_s from 0 to 86400."
  }
  validation {
    condition     = alltrue([for b in coalesce(var.functions.budgets, []) : can(regex("^(all|tenant:[A-Za-z0-9][A-Za-z0-9._:-]{0,63}|target:[A-Za-z0-9][A-Za-z0-9._:/-]{0,127})$", b.scope)) && contains(["day", "month"], b.period) && contains(["park", "fail"], b.on_exhausted) && b.usd >= 0 && b.usd <= 1000000000])
    error_message = "functions.budgets: scope is all, tenant:NAME or target:NAME, period day or month, on_exhausted park or fail, usd 0 to 1000000000."
  }
  validation {
    condition     = alltrue([for name, account in var.functions.bills : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", name)) && contains(["openai", "anthropic", "openrouter"], account.provider) && can(regex("^[A-Za-z0-9._-]{0,128}$", coalesce(account.project, "-"))) && can(regex("^[A-Za-z0-9._-]{0,128}$", coalesce(account.key, "-")))])
    error_message = "functions.bills: a name is 1 to 63 of a-z 0-9 -, a provider openai, anthropic or openrouter, and project and key are the provider's ids of them, not the key itself."
  }
  validation {
    condition     = length(var.functions.bills) == 0 || contains(var.functions.rooms, "bills")
    error_message = "functions.bills names accounts and the room is off: add \"bills\" to functions.rooms."
  }
  validation {
    condition     = alltrue([for l in coalesce(var.functions.limits, []) : can(regex("^(tenant:[A-Za-z0-9][A-Za-z0-9._:-]{0,63}|target:[A-Za-z0-9][A-Za-z0-9._:/-]{0,127})$", l.scope))]) && length(distinct(coalesce(var.functions.limits, [])[*].scope)) == length(coalesce(var.functions.limits, []))
    error_message = "functions.limits: a scope is target:NAME or tenant:NAME, and each is named once."
  }
  validation {
    condition     = alltrue([for l in coalesce(var.functions.limits, []) : try(l.rpm >= 1 && l.rpm <= 1000000 && floor(l.rpm) == l.rpm, l.rpm == null) && try(l.tpm >= 1 && l.tpm <= 1000000000 && floor(l.tpm) == l.tpm, l.tpm == null)]) && alltrue([for l in coalesce(var.functions.limits, []) : try(l.weight >= 0.01 && l.weight <= 1000 && startswith(l.scope, "tenant:"), l.weight == null) && (l.rpm != null || l.tpm != null || l.weight != null)])
    error_message = "functions.limits: rpm is a whole number from 1 to 1000000, tpm from 1 to 1000000000; under 0 nothing would ever be called. An entry says rpm, tpm or a weight; a weight is a tenant's, from 0.01 to 1000."
  }
  validation {
    condition     = var.functions.workflow == null || length(setsubtract(["runs", "callbacks"], var.functions.rooms)) == 0
    error_message = "functions.workflow begins runs and waits for callbacks: add \"runs\" and \"callbacks\" to functions.rooms."
  }
  validation {
    condition     = length(var.functions.endpoints) == 0 || contains(var.functions.rooms, "callbacks")
    error_message = "functions.endpoints is set and callbacks are off: add \"callbacks\" to functions.rooms."
  }
  validation {
    condition     = alltrue([for name, endpoint in var.functions.endpoints : can(regex("^([A-Za-z0-9][A-Za-z0-9._:-]{0,63}/)?[a-z0-9][a-z0-9-]{0,62}$", name)) && can(regex("^https://[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*\\.[A-Za-z][A-Za-z0-9-]*(:443)?([/?][^\\s#\\\\]*)?$", endpoint.url))])
    error_message = "functions.endpoints: a name is 1 to 63 of a-z 0-9 - (behind TENANT/ for another tenant than default), and a url is https://host/path on port 443, with a host's name and no IP address."
  }
  validation {
    condition     = var.functions.door.keys || length(setintersection(var.functions.door.callers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "functions.door lets everybody in without a key, who could then spend without end: keep keys, or name the callers."
  }
  validation {
    condition     = !contains(var.functions.rooms, "door") || length(var.functions.door.callers) > 0
    error_message = "functions.door.callers is empty, so nobody could call the door: name whom to let in, or leave the room door off."
  }
  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.functions)))
    error_message = "What reads like a key stands in functions: keys belong into Secret Manager and nowhere else."
  }
}
