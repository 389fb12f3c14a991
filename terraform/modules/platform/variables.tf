variable "project_id" {
  description = "Id of an existing project with billing. One environment, one project."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where everything runs and lies."
  type        = string
  nullable    = false

  validation {
    condition     = contains(local.regions, var.region)
    error_message = "\"${var.region}\" is no region that Penstock knows. Write a region such as us-central1 or europe-west4, not a zone (us-central1-a) or a multi-region (US); a region Google has added since belongs into modules/platform/regions.tf."
  }
}

variable "environment" {
  description = "Name of the environment: the folder's, on alerts and on the build trigger."
  type        = string
  nullable    = false
}

variable "secrets" {
  description = "Names of the provider keys. Terraform makes the empty secrets; the values are added out of band."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.secrets)))
    error_message = "A key stands among the secrets' names, or what reads like one. Terraform keeps what it is told: write a name such as openai, add the key by `gcloud secrets versions add`, and if the key was real, take it back where it was issued."
  }
}

variable "publishers" {
  description = "Who may publish requests: label => IAM member. This is the trust boundary: a publisher may name any tenant, and wakes and redrives are believed."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.publishers)))
    error_message = "What reads like a key stands in publishers, which are labels and IAM members: keys belong into Secret Manager and nowhere else."
  }
}

variable "response_consumers" {
  description = "Who reads results: name => `member`, optionally only one `tenant`'s, `expires_after_days`, `retention_days`, `ack_deadline_s`. Each has a subscription llm-responses-NAME of its own."
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
    condition     = !can(regex(module.routes.key, jsonencode(var.response_consumers)))
    error_message = "What reads like a key stands in response_consumers, which are names, tenants and IAM members: keys belong into Secret Manager and nowhere else."
  }
}

variable "operations" {
  description = <<-EOT
    `operators`: IAM members who run the operator's command: they read and write documents and blobs, pull dead letters and publish requests. `emails`: who alerts go to. `alerts` (null: all), `thresholds`, `budget`: see modules/monitoring.
    `console`: null, or `{}` for the console behind Identity-Aware Proxy: the operators act in it, `viewers` look, and see neither prompts nor answers; see docs/console.md.
  EOT
  type = object({
    operators = optional(set(string), [])
    emails    = optional(set(string), [])
    alerts    = optional(set(string))
    thresholds = optional(object({
      dead_letters  = optional(number)
      oldest_open_s = optional(number)
      error_ratio   = optional(number)
      p95_s         = optional(number)
      usd_per_hour  = optional(number)
      run_silent_s  = optional(number)
      gpu_awake_h   = optional(number)
    }), {})
    budget = optional(object({
      billing_account = string
      units           = number
    }))
    console = optional(object({
      viewers = optional(set(string), [])
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.operations)))
    error_message = "What reads like a key stands in operations, which are members, addresses and numbers: keys belong into Secret Manager and nowhere else."
  }
}

variable "delivery" {
  description = "Deployment by Cloud Build: `state_bucket`, `repository`, `branch`, `approval`, see modules/delivery. Null: deployed by hand only."
  type = object({
    state_bucket = string
    repository   = optional(string)
    branch       = optional(string)
    approval     = optional(bool)
  })
  default = null

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.delivery)))
    error_message = "What reads like a key stands in delivery, which are names: keys belong into Secret Manager and nowhere else."
  }
}
