variable "project_id" {
  description = "Project of the function."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the function."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the function and, with underscores, of its entry point in functions/main.py. Its caller's account is NAME-caller."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,21}[a-z0-9]$", var.name))
    error_message = "\"${var.name}\" must be 6-23 of a-z, 0-9 and -, first a letter: the service accounts are named after it and end at 30."
  }
}

variable "description" {
  description = "What the function does, for whoever finds it in the console."
  type        = string
  nullable    = false
}

variable "identity" {
  description = "The service account that the function runs as: `email`, and `name`, by which a deployer is permitted to act as it."
  type = object({
    email = string
    name  = string
  })
  nullable = false
}

variable "build" {
  description = "Where the sources lie and who builds them: the output of modules/build."
  type = object({
    bucket          = string
    object          = string
    repository      = string
    service_account = string
  })
  nullable = false
}

variable "environment" {
  description = "The environment variables. Names and resource names only: a key has no business here, the code reads keys from Secret Manager."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : !can(regex("(KEY|TOKEN|SECRET|PASSWORD)$", name))])
    error_message = "An environment variable is readable by everyone who may look at the function: keep keys in Secret Manager and name the secret in the routes."
  }
  validation {
    # As modules/routes/pasted.tf; a test compares the two.
    condition     = !can(regex("(^|[^A-Za-z0-9])(sk-[A-Za-z0-9_-]{12,}|AIza[A-Za-z0-9_-]{12,}|gsk_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{16,}|AQ\\.[A-Za-z0-9_-]{16,}|ya29\\.[A-Za-z0-9_-]+|(xai|pplx)-[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,}|r8_[A-Za-z0-9]{20,}|(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|-----BEGIN |[Bb]earer )|(^|[\"'/])\\s*(sk-|AIza|gsk_)", jsonencode(var.environment)))
    error_message = "An environment variable holds what reads like a key: keep keys in Secret Manager and name the secret in the routes."
  }
}

variable "shape" {
  description = <<-EOT
    `cpu` in vCPU and `memory` per instance. `concurrency`: requests one instance works on at once; above 1 it needs at least 1 vCPU. Model calls are waiting, not work: one vCPU carries 80 and more.
    `min_instances`: 1 keeps an instance warm, which is billed all day; 0 scales to zero. `max_instances` x `concurrency` is what fits in at once: beyond it Cloud Run answers 429, which spends delivery attempts.
    `timeout_s`: Cloud Run ends a request after so long. `runtime`: the Python the image is built on.
  EOT
  type = object({
    cpu           = optional(number, 1)
    memory        = optional(string, "512Mi")
    concurrency   = optional(number, 80)
    min_instances = optional(number, 0)
    max_instances = optional(number, 10)
    timeout_s     = optional(number, 540)
    runtime       = optional(string, "python313")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.shape.concurrency == 1 || var.shape.cpu >= 1
    error_message = "concurrency is ${var.shape.concurrency} with ${var.shape.cpu} vCPU: below one vCPU Cloud Run gives an instance one request at a time. Set cpu to 1, or concurrency to 1."
  }
  validation {
    condition     = var.shape.concurrency >= 1 && var.shape.concurrency <= 1000
    error_message = "concurrency is ${var.shape.concurrency}; Cloud Run takes 1 to 1000."
  }
  validation {
    condition     = contains([1, 2, 4, 6, 8], var.shape.cpu) || (var.shape.cpu >= 0.08 && var.shape.cpu < 1)
    error_message = "cpu is ${var.shape.cpu}; Cloud Run gives 0.08 to 1, 2, 4, 6 or 8 vCPU."
  }
  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi)$", var.shape.memory))
    error_message = "memory is \"${var.shape.memory}\"; write it as 512Mi or 1Gi."
  }
  validation {
    condition     = var.shape.min_instances >= 0 && var.shape.min_instances <= var.shape.max_instances && var.shape.max_instances >= 1
    error_message = "Instances must be 0 <= min_instances <= max_instances and max_instances at least 1; they are ${var.shape.min_instances} and ${var.shape.max_instances}."
  }
  validation {
    condition     = var.shape.timeout_s >= 1 && var.shape.timeout_s <= 3600
    error_message = "timeout_s is ${var.shape.timeout_s}; a function runs for 1 to 3600 seconds."
  }
  validation {
    condition     = contains(["python312", "python313"], var.shape.runtime)
    error_message = "runtime is \"${var.shape.runtime}\"; the pinned requirements are made for python312 and python313."
  }
}

variable "token_minter" {
  description = "IAM member of the Google robot that calls: Pub/Sub's or Cloud Scheduler's agent. It may mint OIDC tokens for the caller's account, and nothing else."
  type        = string
  nullable    = false
}

variable "open_to" {
  description = "IAM members who may call it over the internet; empty: it takes calls from inside the project alone."
  type        = set(string)
  default     = []
  nullable    = false
}
