variable "project_id" {
  description = "Project in which the functions are built."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the sources and the images lie; the functions' own region."
  type        = string
  nullable    = false
}

variable "bundle" {
  description = "Path of the zip that scripts/bundle makes. The same sources give the same bytes, and the object is named by their hash: an apply without a change of code deploys nothing."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.bundle)
    error_message = "There is no bundle at ${var.bundle}: run scripts/bundle first (destroying needs it too)."
  }
}

variable "destroy" {
  description = "Whether `terraform destroy` may delete the bucket of sources while it still holds some."
  type        = bool
  default     = false
  nullable    = false
}

variable "settle" {
  description = "How long a fresh grant needs before a build may rely on it."
  type        = string
  default     = "60s"
  nullable    = false
}
