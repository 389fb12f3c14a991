variable "timing" {
  description = <<-EOT
    The four deadlines of one delivery, in seconds, from the innermost to the outermost. Each must end before the next one does:
    whoever waits longer than the one inside it still learns what happened; whoever waits shorter gives up on work that goes on and is paid.
    `provider_budget_s`: all model calls of one delivery together. `self_cancel_s`: the code stops itself and saves where it stands.
    `function_timeout_s`: Cloud Run ends the HTTP request. `ack_deadline_s`: Pub/Sub delivers again (600 is its maximum).
    The first two are constants of the code (functions/penstock/timing.py); a test keeps the two statements equal.
  EOT
  type = object({
    provider_budget_s  = optional(number, 480)
    self_cancel_s      = optional(number, 525)
    function_timeout_s = optional(number, 540)
    ack_deadline_s     = optional(number, 600)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.timing.provider_budget_s < var.timing.self_cancel_s
    error_message = "provider_budget_s (${var.timing.provider_budget_s}) must be below self_cancel_s (${var.timing.self_cancel_s}): shorten the provider's budget, or the function cancels itself while a paid call is still running."
  }
  validation {
    condition     = var.timing.self_cancel_s < var.timing.function_timeout_s
    error_message = "self_cancel_s (${var.timing.self_cancel_s}) must be below function_timeout_s (${var.timing.function_timeout_s}): raise the function's timeout, or Cloud Run cuts the request before the code has saved where it stands."
  }
  validation {
    condition     = var.timing.function_timeout_s < var.timing.ack_deadline_s
    error_message = "ack_deadline_s (${var.timing.ack_deadline_s}) must be above function_timeout_s (${var.timing.function_timeout_s}): raise the ack deadline (600 at most) or lower the timeout, or Pub/Sub delivers a message again while the function still works on it."
  }
  validation {
    condition     = var.timing.ack_deadline_s <= 600
    error_message = "ack_deadline_s is ${var.timing.ack_deadline_s}; Pub/Sub takes 600 at most. Lower it, and function_timeout_s with it."
  }
}
