variable "functions" {
  description = <<-EOT
    `bundle`: path of the zip that scripts/bundle makes. `runtime`: the Python of all of them. `rooms`: the rooms to switch on beyond the core, by their labels in rooms.tf.
    `shapes`: label => what is to differ from the shape in rooms.tf, see modules/function; `handler = { min_instances = 1 }` keeps one warm.
    `peak_in_flight`: how many requests may wait for a model at the same moment (requests per second x seconds per answer); the handler must have room for them. Pub/Sub's push window lets about 3,000 per subscription be in flight, however many instances there are.
    `timing`: the function's timeout and the ack deadline, see modules/timing. `max_delivery_attempts`: 5-100, see modules/topic.
    `traces`: null, or where traces go and which are kept, see docs/traces.md: `endpoint`, the collector's whole address (default: Cloud Trace), `share` of the unremarkable ones, `slow_s` from which a request is slow.
    `budgets`: null (off), or the budgets that hold where `penstock budget set` says nothing else, see docs/money.md: `scope` (all, tenant:NAME, target:NAME), `period` (day, month), `model`, `usd`, `on_exhausted` (park, fail).
    `paused`: no requests are delivered and the sweeper rests; messages wait for up to 7 days. What is in flight ends.
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
    peak_in_flight = optional(number, 500)
    timing = optional(object({
      function_timeout_s = optional(number)
      ack_deadline_s     = optional(number)
    }), {})
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
    paused = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = length(setsubtract(var.functions.rooms, local.switches)) == 0
    error_message = "functions.rooms names ${join(", ", setsubtract(var.functions.rooms, local.switches))}, which no room is called that can be switched on. ${length(local.switches) == 0 ? "There is none: the core is always on." : "There are: ${join(", ", local.switches)}."}"
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
    condition     = !can(regex(module.routes.key, jsonencode(var.functions)))
    error_message = "What reads like a key stands in functions: keys belong into Secret Manager and nowhere else."
  }
}
