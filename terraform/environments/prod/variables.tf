# The same file in every environment. Values go into terraform.tfvars beside it, or TF_VAR_… in a build.

variable "project_id" {
  description = "Id of an existing project with billing; it may be empty."
  type        = string
}

variable "region" {
  description = "Where everything runs and lies, e.g. us-central1."
  type        = string
}

variable "bundle" {
  description = "The functions' bundle, as scripts/bundle makes it."
  type        = string
  default     = "../../../dist/penstock-functions.zip"
}

variable "routes" {
  description = "Which model answers; see modules/routes."
  type        = any
  default = {
    default = "default"
    routes = {
      default = { targets = [{ name = "nano", provider = "openai", model = "gpt-5.4-nano", secret = "openai" }] }
    }
  }
}

variable "secrets" {
  description = "Names of the provider keys that routes use."
  type        = set(string)
  default     = ["openai"]
}

variable "publishers" {
  description = "Who may publish requests: label => IAM member, e.g. { app = \"serviceAccount:app@other-project.iam.gserviceaccount.com\" }."
  type        = map(string)
  default     = {}
}

variable "response_consumers" {
  description = "Who reads results: name => { member, tenant, expires_after_days, … }; see modules/topic."
  type        = any
  default     = {}
}

variable "engine" {
  description = "A self-hosted engine with a GPU; null: none. See modules/engine."
  type        = any
  default     = null
}

variable "data" {
  description = "Database name and location, retentions, analysts; see modules/platform. `pipelines`: name => path of a definition of runs in YAML or JSON; `feeds`: what is read by the day, where main.tf has the room. `adopt`: what exists already and is taken over by `import` instead of made, any of \"database\" (the Firestore database) and \"rules\" (its security rules)."
  type        = any
  default     = {}

  validation {
    condition     = length(setsubtract(try(var.data.adopt, []), ["database", "rules"])) == 0
    error_message = "data.adopt takes \"database\" and \"rules\"."
  }
}

variable "operations" {
  description = "Operators, alert addresses, a budget; see modules/platform."
  type        = any
  default     = {}
}

variable "delivery" {
  description = "When Cloud Build is to deploy this environment: `state_bucket` (of the Terraform state) and `repository` (as connected to Cloud Build, projects/P/locations/L/connections/C/repositories/R; without it no trigger is made). Null: deployed by hand only."
  type = object({
    state_bucket = string
    repository   = optional(string)
  })
  default = null
}

variable "paused" {
  description = "Stops the delivery of requests and the sweeper until it is false again; messages wait for up to 7 days."
  type        = bool
  default     = false
}
