variable "project_id" {
  description = "Project of the service."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the service."
  type        = string
  nullable    = false
}

variable "identity" {
  description = "E-mail of the service account that it runs as."
  type        = string
  nullable    = false
}

variable "build" {
  description = "Where the sources lie and who builds them: the output of modules/build."
  type = object({
    bucket          = string
    object          = string
    service_account = string
    images          = string
  })
  nullable = false
}

variable "runtime" {
  description = "The Python that the image is built on."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "The environment variables: the functions' own. Names and resource names only."
  type        = map(string)
  nullable    = false
}

variable "visitors" {
  description = "Who may open it: label => IAM member. What each may do there, the environment says."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setintersection(values(var.visitors), ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The console shows every tenant's requests and is never public: name users and groups."
  }
}

variable "protected" {
  description = "Whether the service refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}
