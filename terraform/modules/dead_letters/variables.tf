variable "project_id" {
  description = "Project of the topic, its subscription and the archive."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the dead-letter topic; its archive is the bucket PROJECT-NAME, fed by the subscription NAME-archive."
  type        = string
  nullable    = false
}

variable "subscription" {
  description = "Name of the pull subscription in which letters wait to be looked at; `penstock redrive` reads it."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the messages and the archive lie."
  type        = string
  nullable    = false
}

variable "publishers" {
  description = "The functions that write dead letters themselves: label => IAM member. Pub/Sub's agent is added here, for what it could not deliver at all."
  type        = map(string)
  nullable    = false
}

variable "readers" {
  description = "Who may pull dead letters, i.e. run `penstock redrive`, and read the archive: IAM members."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setintersection(var.readers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Dead letters hold prompts and are never public: name users, groups or service accounts."
  }
}

variable "archive" {
  description = <<-EOT
    The copy of every dead letter in a bucket, as Avro with message id, publish time and attributes, for the day after the 31 that Pub/Sub keeps them.
    `days`: deleted after so long. `batch_s`: a file is closed after so many seconds (60-600) or 100 MB. `destroy`: `terraform destroy` may delete a bucket that still holds letters.
  EOT
  type = object({
    days    = optional(number, 365)
    batch_s = optional(number, 300)
    destroy = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.archive.days > 31
    error_message = "archive.days is ${var.archive.days}; the archive is of use only beyond the 31 days that the subscription keeps: set 32 or more."
  }
  validation {
    condition     = var.archive.batch_s >= 60 && var.archive.batch_s <= 600
    error_message = "archive.batch_s is ${var.archive.batch_s}; Pub/Sub closes a file after 60 to 600 seconds."
  }
}

variable "pubsub_agent" {
  description = "IAM member of Pub/Sub's service agent."
  type        = string
  nullable    = false
}
