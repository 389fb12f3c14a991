variable "project_id" {
  description = "Project of the dataset."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Location of the dataset; it must be where the topic stores its messages."
  type        = string
  nullable    = false
}

variable "topics" {
  description = "The topics that carry results: label => `id`, the full name (projects/P/topics/T), and `name`, the short one; the subscription is NAME-bigquery."
  type = map(object({
    id   = string
    name = string
  }))
  nullable = false
}

variable "dead_letter_topic" {
  description = "Full name of the topic that takes what BigQuery refuses."
  type        = string
  nullable    = false
}

variable "pubsub_agent" {
  description = "IAM member of Pub/Sub's service agent, which writes the rows."
  type        = string
  nullable    = false
}

variable "settings" {
  description = <<-EOT
    `days`: a day's partition of responses is dropped after so long. `protected`: refuse to delete table and views (set false, apply, then destroy).
    `analysts`: IAM members that may read the dataset; they read completions too.
  EOT
  type = object({
    days      = optional(number, 400)
    protected = optional(bool, true)
    analysts  = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.settings.days >= 1
    error_message = "warehouse days is ${var.settings.days}; a partition must be kept for at least one day."
  }
  validation {
    condition     = length(setintersection(var.settings.analysts, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The responses are never public: name users, groups or service accounts as analysts."
  }
}
