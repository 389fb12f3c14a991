variable "project_id" {
  description = "Project of the database and the bucket."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the blobs lie, and the database too unless `settings.location` says otherwise."
  type        = string
  nullable    = false
}

variable "settings" {
  description = <<-EOT
    `database`: "(default)", or 4-63 of a-z, 0-9 and - to leave the default one to others. One that already exists must be imported first (see the environments' imports.tf).
    `location`: the region, or a multi-region (nam5, eur3): twice the price per operation, and it can never be changed.
    `protected`: the database and the bucket refuse to be deleted. `point_in_time_recovery`: read any state of the last 7 days, for the price of the storage it takes.
    `blob_days`: blobs are deleted after so long; longer than the longest deadline that clients may set plus 62 days (31 of retention and 31 for redrives).
  EOT
  type = object({
    database               = optional(string, "(default)")
    location               = optional(string)
    protected              = optional(bool, true)
    point_in_time_recovery = optional(bool, false)
    blob_days              = optional(number, 120)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.settings.database))
    error_message = "\"${var.settings.database}\" is no database name: write (default), or 4-63 of a-z, 0-9 and -, first a letter, last no hyphen."
  }
  validation {
    condition     = var.settings.blob_days >= 62
    error_message = "blob_days is ${var.settings.blob_days}; a request is kept for 31 days after its end and may be redriven then: 62 days at least."
  }
}

variable "passing" {
  description = "The folders of the bucket whose blobs are deleted after `blob_days`; what lies beside them stays."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.passing) > 0 && alltrue([for folder in var.passing : can(regex("^[a-z-]+/$", folder))])
    error_message = "Name at least one folder, each with its slash at the end, as in \"tenants/\": without any the rule would take every blob."
  }
}

variable "collections" {
  description = "The collections: label => `name`; whether its documents `expires`, by the field expires_at; the fields that are `indexed`, one at a time and across tenants. Everything else is exempt from indexes."
  type = map(object({
    name    = string
    expires = optional(bool, false)
    indexed = optional(set(string), [])
  }))
  nullable = false
}

variable "users" {
  description = "The functions that read and write documents: label => IAM member."
  type        = map(string)
  nullable    = false
}

variable "blob_users" {
  description = "The functions that read and write blobs: label => IAM member, and the folder it is confined to (empty: the whole bucket)."
  type = map(object({
    member = string
    folder = optional(string, "")
  }))
  nullable = false

  validation {
    condition     = alltrue([for u in values(var.blob_users) : u.folder == "" || can(regex("^[a-z-]+/$", u.folder))])
    error_message = "A blob user's folder is empty or ends with a slash, as in \"dead-letters/\": without it the grant would cover every name that starts so."
  }
}

variable "completion_readers" {
  description = "Who reads results: a completion over 256 KiB travels as a reference to a blob, which its reader must be able to open. Label => IAM member, and the tenant (null: every tenant's)."
  type = map(object({
    member = string
    tenant = optional(string)
  }))
  default  = {}
  nullable = false
}

variable "operators" {
  description = "People who run `penstock get`, `redrive` and `forget`: IAM members that read and write all documents and blobs."
  type        = set(string)
  default     = []
  nullable    = false
}
