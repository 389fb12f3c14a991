variable "functions" {
  description = <<-EOT
    `bundle`: path of the zip that scripts/bundle makes. `runtime`: the Python of all three. `handler`, `responder`, `sweeper`: their shapes, see modules/function; `handler.min_instances = 1` keeps one warm.
    `peak_in_flight`: how many requests may wait for a model at the same moment (requests per second x seconds per answer); the handler must have room for them. Pub/Sub's push window lets about 3,000 per subscription be in flight, however many instances there are.
    `timing`: the function's timeout and the ack deadline, see modules/timing. `max_delivery_attempts`: 5-100, see modules/topic.
    `paused`: no requests are delivered and the sweeper rests; messages wait for up to 7 days. What is in flight ends.
  EOT
  type = object({
    bundle  = string
    runtime = optional(string, "python313")
    handler = optional(object({
      cpu           = optional(number, 1)
      memory        = optional(string, "512Mi")
      concurrency   = optional(number, 80)
      min_instances = optional(number, 0)
      max_instances = optional(number, 10)
    }), {})
    responder = optional(object({
      cpu           = optional(number, 1)
      memory        = optional(string, "512Mi")
      concurrency   = optional(number, 80)
      min_instances = optional(number, 0)
      max_instances = optional(number, 3)
    }), {})
    sweeper = optional(object({
      cpu           = optional(number, 1)
      memory        = optional(string, "512Mi")
      concurrency   = optional(number, 2)
      min_instances = optional(number, 0)
      max_instances = optional(number, 1)
    }), {})
    peak_in_flight = optional(number, 500)
    timing = optional(object({
      function_timeout_s = optional(number)
      ack_deadline_s     = optional(number)
    }), {})
    max_delivery_attempts = optional(number, 100)
    paused                = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = var.functions.handler.max_instances * var.functions.handler.concurrency >= var.functions.peak_in_flight
    error_message = "handler.max_instances x handler.concurrency is ${var.functions.handler.max_instances * var.functions.handler.concurrency}, less than peak_in_flight (${var.functions.peak_in_flight}): Cloud Run would answer 429 to the rest, and each 429 spends one of the message's delivery attempts. Raise max_instances or concurrency, or lower peak_in_flight."
  }
  validation {
    condition     = var.functions.peak_in_flight >= 1 && var.functions.peak_in_flight <= 3000
    error_message = "peak_in_flight is ${var.functions.peak_in_flight}; Pub/Sub's push window ends at about 3,000 in flight per subscription: plan for 1 to 3000, and for more throughput with shorter answers or a second installation."
  }
}
