variable "project_id" {
  description = "Project of the topic and of everything that hangs on it."
  type        = string
  nullable    = false
}

variable "name" {
  description = "The topic's name; a consumer's subscription is NAME-CONSUMER."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._~+%-]{2,200}$", var.name)) && !startswith(var.name, "goog")
    error_message = "\"${var.name}\" is no topic name: 3-201 of letters, digits and ._~+%-, first a letter, not starting with goog."
  }
}

variable "region" {
  description = "The only region in which Pub/Sub may store the messages: prompts and answers stay where the operator put them."
  type        = string
  nullable    = false
}

variable "publishers" {
  description = "Who may publish: a label of your choice => an IAM member (user:, group:, serviceAccount:, principal://…). On the request topic this is the trust boundary: a publisher may name any tenant."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for m in values(var.publishers) : !contains(["allUsers", "allAuthenticatedUsers"], m)])
    error_message = "A topic is never public: name the user, group, service account or workload identity principal instead of allUsers or allAuthenticatedUsers."
  }
}

variable "push" {
  description = <<-EOT
    The push subscription `name` that feeds a function. `endpoint` is also the audience of the OIDC token, `caller` the e-mail of the service account it names.
    `ack_deadline_s` must outlast the function's `timeout_s`. Every nack spends one of `max_delivery_attempts` (5-100), Cloud Run's own 429s included: with 100 and a back-off of
    10-600 s a message survives about 15 hours of total outage, with 5 about 150 seconds.
    `retention_s`: how long an unacked message is kept (10 minutes to 31 days). `paused` takes the endpoint away: messages wait, up to `retention_s`.
  EOT
  type = object({
    name                  = string
    endpoint              = string
    caller                = string
    timeout_s             = number
    ack_deadline_s        = number
    min_backoff_s         = optional(number, 10)
    max_backoff_s         = optional(number, 600)
    max_delivery_attempts = optional(number, 100)
    retention_s           = optional(number, 604800)
    paused                = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = var.push.ack_deadline_s > var.push.timeout_s && var.push.ack_deadline_s <= 600
    error_message = "The ack deadline (${var.push.ack_deadline_s} s) must be above the function's timeout (${var.push.timeout_s} s) and at most 600: raise it, or lower the timeout."
  }
  validation {
    condition     = var.push.max_delivery_attempts >= 5 && var.push.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts is ${var.push.max_delivery_attempts}; Pub/Sub takes 5 to 100. Use 100 unless a test needs a quick dead letter."
  }
  validation {
    condition     = var.push.min_backoff_s >= 0 && var.push.min_backoff_s <= var.push.max_backoff_s && var.push.max_backoff_s <= 600
    error_message = "The back-off must be 0 <= min_backoff_s <= max_backoff_s <= 600 seconds; it is ${var.push.min_backoff_s} to ${var.push.max_backoff_s}."
  }
  validation {
    condition     = var.push.retention_s >= 600 && var.push.retention_s <= 2678400
    error_message = "retention_s is ${var.push.retention_s}; Pub/Sub keeps messages for 600 to 2678400 seconds (10 minutes to 31 days)."
  }
}

variable "consumers" {
  description = <<-EOT
    Named readers: each gets a pull subscription of its own, so that no reader takes another one's messages.
    `member` may read it. `tenant` limits it to that tenant's messages (a filter cannot be changed later: the subscription is made anew).
    `expires_after_days`: removed when nobody has pulled for so long (0: never). `retention_days`: 1-31.
  EOT
  type = map(object({
    member             = string
    tenant             = optional(string)
    expires_after_days = optional(number, 31)
    retention_days     = optional(number, 7)
    ack_deadline_s     = optional(number, 60)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.consumers) : can(regex("^[a-z][a-z0-9-]{1,40}$", name)) && !contains([var.push.name, "${var.name}-bigquery"], "${var.name}-${name}")])
    error_message = "Name each consumer with 2-41 of a-z, 0-9 and -, first a letter; not \"bigquery\" and not as our own push subscription (${var.push.name}) ends."
  }
  validation {
    condition     = alltrue([for c in values(var.consumers) : c.tenant == null || can(regex("^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", c.tenant))])
    error_message = "A consumer's tenant must be 1-64 of A-Za-z0-9._:-, first a letter or digit, exactly as requests name it; leave it out to read every tenant."
  }
  validation {
    condition     = alltrue([for c in values(var.consumers) : c.retention_days >= 1 && c.retention_days <= 31 && (c.expires_after_days == 0 || c.expires_after_days >= c.retention_days)])
    error_message = "A consumer's retention_days must be 1 to 31, and expires_after_days (or 0 for never) not below it."
  }
  validation {
    condition     = alltrue([for c in values(var.consumers) : !contains(["allUsers", "allAuthenticatedUsers"], c.member)])
    error_message = "A subscription is never public: name the user, group, service account or workload identity principal that reads it."
  }
}

variable "dead_letter_topic" {
  description = "Full name (projects/P/topics/T) of the topic that takes what cannot be delivered."
  type        = string
  nullable    = false
}

variable "pubsub_agent" {
  description = "IAM member of Pub/Sub's service agent."
  type        = string
  nullable    = false
}
