variable "project_id" {
  description = "Project that is watched, and in which metrics, alerts and dashboard are made."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Name of the environment, in front of every alert and on the dashboard."
  type        = string
  nullable    = false
}

variable "services" {
  description = "The Cloud Run services whose log lines count: the functions."
  type        = set(string)
  nullable    = false
}

variable "engine" {
  description = "Cloud Run service of the engine, null when there is none; its alert and charts come and go with it."
  type        = string
  default     = null
}

variable "rooms" {
  description = "The rooms that are switched on (modules/platform): what has metrics, alerts and charts of its own has them only then. There are \"runs\" and \"batches\"."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "emails" {
  description = "Who is told. Without an address alerts still open incidents in the console."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for e in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", e))])
    error_message = "Write each alert address as name@example.com."
  }
}

variable "alerts" {
  description = "Which alerts to make; null: all. Google has announced a price of 1.50 USD a month for each (see docs/operations.md), which is more than everything else costs while nothing is asked."
  type        = set(string)
  default     = null

  validation {
    condition     = var.alerts == null || length(setsubtract(coalesce(var.alerts, []), concat(keys(local.all_alerts), local.switched_alerts))) == 0
    error_message = "There is no alert named ${join(", ", setsubtract(coalesce(var.alerts, []), concat(keys(local.all_alerts), local.switched_alerts)))}; there are ${join(", ", keys(local.all_alerts))}; gpu-awake with an engine; run-failed, run-out-of-budget and run-silent with runs; budget-low and budget-exhausted with budgets; limit-throttled with limits; batch-stuck, batch-stranded, batch-escalations and batch-refused with batches; endpoint-off with callbacks."
  }
}

variable "thresholds" {
  description = <<-EOT
    Where an alert fires. `dead_letters`: more than so many in 10 minutes. `oldest_open_s`: age of the oldest unfinished request; parked work waits in Firestore, where Pub/Sub's own age metric does not see it.
    `error_ratio`: failed results among all in 15 minutes, from 20 on. `p95_s`: 95th percentile from publishing to result. `usd_per_hour`: price of model calls. `run_silent_s`: how long nothing of a run may move; a provider may ask for an hour. `gpu_awake_h`: hours an engine may be awake at a stretch.
  EOT
  type = object({
    dead_letters  = optional(number, 0)
    oldest_open_s = optional(number, 3600)
    error_ratio   = optional(number, 0.05)
    p95_s         = optional(number, 300)
    usd_per_hour  = optional(number, 5)
    run_silent_s  = optional(number, 5400)
    gpu_awake_h   = optional(number, 4)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.thresholds.error_ratio > 0 && var.thresholds.error_ratio < 1
    error_message = "error_ratio is ${var.thresholds.error_ratio}; it is a share: above 0 and below 1 (0.05 is 5 %)."
  }
  validation {
    condition     = var.thresholds.gpu_awake_h >= 1 && var.thresholds.gpu_awake_h <= 23
    error_message = "gpu_awake_h is ${var.thresholds.gpu_awake_h}; Cloud Monitoring watches a condition for 1 to 23 hours."
  }
  validation {
    condition     = min(var.thresholds.oldest_open_s, var.thresholds.p95_s, var.thresholds.usd_per_hour, var.thresholds.run_silent_s) > 0 && var.thresholds.dead_letters >= 0
    error_message = "Thresholds of age, latency and spend must be above 0, dead_letters 0 or more."
  }
}

variable "budget" {
  description = "A billing budget for the project: `billing_account` (XXXXXX-XXXXXX-XXXXXX) and whole `units` of the account's currency a month; mails at 50, 90 and 100 %. Null: none. It needs the right to create budgets on the billing account."
  type = object({
    billing_account = string
    units           = number
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "billing_account must look like 0X0X0X-0X0X0X-0X0X0X: find it with `gcloud billing accounts list`."
  }
  validation {
    condition     = var.budget == null || try(var.budget.units > 0 && floor(var.budget.units) == var.budget.units, false)
    error_message = "The budget's units must be a whole number above 0."
  }
}
