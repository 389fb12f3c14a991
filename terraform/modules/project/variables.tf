variable "project_id" {
  description = "Id (not the number) of an existing project with billing enabled. It may be empty: everything Penstock needs is switched on here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "\"${var.project_id}\" is no project id: use the id (6-30 of a-z, 0-9 and -, first a letter), not the project's number or display name."
  }
}

variable "extra_services" {
  description = "APIs to enable beyond those that every installation needs, e.g. billingbudgets.googleapis.com when there is a budget."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for s in var.extra_services : endswith(s, ".googleapis.com")])
    error_message = "Write each service as Google names it: NAME.googleapis.com."
  }
}

variable "settle" {
  description = "How long to wait after the last API was enabled. Google answers \"enabled\" before every front end knows it; without the wait the first apply in an empty project fails here and there."
  type        = string
  default     = "90s"
  nullable    = false
}
