variable "data" {
  description = <<-EOT
    `database`, `location`, `point_in_time_recovery`, `blob_days`: see modules/store. `archive_days`: dead letters in the bucket. `warehouse_days`: responses in BigQuery. `analysts`: IAM members that read that dataset.
    `pipelines`: named pipelines of runs, name => the definition, as in { classify = yamldecode(file("classify.yaml")) }. `feeds`: whose entries a run is asked about, where the room `feeds` is on: `urls`, the `pipeline` by its name, `tenant`, and when, as `cron` in UTC. See docs/runs.md for both.
    `protected`: nothing that holds data can be destroyed (database, buckets, tables, secrets, engine). Set it false and apply before `terraform destroy`.
  EOT
  type = object({
    database               = optional(string, "(default)")
    location               = optional(string)
    point_in_time_recovery = optional(bool, false)
    blob_days              = optional(number, 120)
    archive_days           = optional(number, 365)
    warehouse_days         = optional(number, 400)
    analysts               = optional(set(string), [])
    protected              = optional(bool, true)
    pipelines              = optional(any, {})
    feeds = optional(object({
      urls     = optional(list(string), [])
      pipeline = optional(string, "feed")
      tenant   = optional(string, "default")
      cron     = optional(string, "0 5 * * *")
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.data)))
    error_message = "What reads like a key stands in data, which are names, numbers and questions: keys belong into Secret Manager and nowhere else."
  }

  validation {
    condition     = can(keys(var.data.pipelines)) && alltrue([for name in try(keys(var.data.pipelines), []) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", name))])
    error_message = "data.pipelines is a map from a name (1-64 of A-Z a-z 0-9 . _ -) to a definition."
  }
  validation {
    condition     = alltrue([for definition in try(values(var.data.pipelines), []) : can(definition.steps) && try(definition.version == 1, false)])
    error_message = "Each of data.pipelines must be a definition with version 1 and steps: give it by yamldecode(file(…)); `penstock run FILE --dry-run` says every fault of it."
  }
  validation {
    condition     = alltrue([for url in var.data.feeds.urls : can(regex("^https?://[^\\s/?#@\"'<>]+([/?][^\\s\"'<>]*)?$", url))])
    error_message = "data.feeds.urls takes http(s) addresses without user and password, such as https://example.com/feed.xml."
  }
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", var.data.feeds.tenant))
    error_message = "data.feeds.tenant must be 1-64 of A-Z a-z 0-9 . _ -."
  }
  validation {
    condition     = can(regex("^\\S+( \\S+){4}$", var.data.feeds.cron))
    error_message = "data.feeds.cron has five fields, as in \"0 5 * * *\": at five in the morning, UTC."
  }
}
