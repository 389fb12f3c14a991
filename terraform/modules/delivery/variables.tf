variable "project_id" {
  description = "Project in which builds run and which they deploy to."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the trigger; the one in which the repository is connected."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "The folder below terraform/environments that the trigger applies."
  type        = string
  nullable    = false
}

variable "accounts" {
  description = "The service accounts that functions, pushes, builds and the engine run as: label => full name. The deployer may act as these."
  type        = map(string)
  nullable    = false
}

variable "settings" {
  description = <<-EOT
    `repository`: the connected repository, projects/P/locations/L/connections/C/repositories/R (Cloud Build, 2nd gen; connecting it is a click by somebody with rights on the source host). Null: the deployer and its roles, but no trigger.
    `branch`: regular expression of the branches that deploy. `approval`: every build waits until somebody approves it. `state_bucket`: the bucket of the Terraform state.
  EOT
  type = object({
    state_bucket = string
    repository   = optional(string)
    branch       = optional(string, "^main$")
    approval     = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = var.settings.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.settings.repository))
    error_message = "delivery.repository must be projects/P/locations/L/connections/C/repositories/R: connect the repository in Cloud Build first, then copy its resource name."
  }
}

variable "extra_roles" {
  description = "Roles that only some installations need their deployer to have."
  type        = set(string)
  default     = []
  nullable    = false
}
