variable "project_id" {
  description = "Project of the secrets."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The only region in which the values are kept."
  type        = string
  nullable    = false
}

variable "names" {
  description = "One secret per provider key, by the name that routes use. Terraform makes the empty secret; its value is added out of band (`gcloud secrets versions add`) and is never in a state file."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for n in var.names : can(regex("^[A-Za-z0-9_-]{1,255}$", n))])
    error_message = "Name each secret with 1-255 of letters, digits, _ and -: the name, not the key itself and not the full projects/… path."
  }
}

variable "readers" {
  description = "Who may read every one of them: label => IAM member. Only the function that calls providers."
  type        = map(string)
  nullable    = false
}

variable "protected" {
  description = "Whether the secrets refuse to be deleted."
  type        = bool
  default     = true
  nullable    = false
}
