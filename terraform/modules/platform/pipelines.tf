# Named pipelines of runs, as blobs under the hash of their bytes: a run's message names both, and what is deployed later changes no run.

variable "pipelines" {
  description = "Named pipelines of runs: name => the definition, as in { classify = yamldecode(file(\"classify.yaml\")) }; see docs/runs.md."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.pipelines)) && alltrue([for name in try(keys(var.pipelines), []) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", name))])
    error_message = "pipelines is a map from a name (1-64 of A-Z a-z 0-9 . _ -) to a definition."
  }
  validation {
    condition     = alltrue([for definition in try(values(var.pipelines), []) : can(definition.steps) && try(definition.version == 1, false)])
    error_message = "Each of pipelines must be a definition with version 1 and steps: give it by yamldecode(file(…)); `penstock run FILE --dry-run` says every fault of it."
  }
  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.pipelines)))
    error_message = "What reads like a key stands in pipelines, which are questions: keys belong into Secret Manager and nowhere else."
  }
}

locals {
  definitions = { for name, definition in var.pipelines : name => jsonencode(definition) }
}

resource "google_storage_bucket_object" "pipeline" {
  for_each = local.definitions

  bucket       = trimprefix(module.store.bucket, "gs://")
  name         = "${local.pipelines}${each.key}/${sha256(each.value)}.json"
  content      = each.value
  content_type = "application/json"
}

output "pipelines" {
  description = "What a run's message names of each: its name and sha256."
  value       = { for name, text in local.definitions : name => { name = name, sha256 = sha256(text) } }
}

# Feeds that are read by the day, by one of these pipelines: the room `feeds`.

variable "feeds" {
  description = "Feeds whose entries a run is asked about, where the room `feeds` is on: `urls`, the `pipeline` by its name in pipelines, `tenant`, and when, as `cron` in UTC; see docs/runs.md."
  type = object({
    urls     = optional(list(string), [])
    pipeline = optional(string, "feed")
    tenant   = optional(string, "default")
    cron     = optional(string, "0 5 * * *")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for url in var.feeds.urls : can(regex("^https?://[^\\s/?#@\"'<>]+([/?][^\\s\"'<>]*)?$", url))])
    error_message = "feeds.urls takes http(s) addresses without user and password, such as https://example.com/feed.xml."
  }
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", var.feeds.tenant))
    error_message = "feeds.tenant must be 1-64 of A-Z a-z 0-9 . _ -."
  }
  validation {
    condition     = can(regex("^\\S+( \\S+){4}$", var.feeds.cron))
    error_message = "feeds.cron has five fields, as in \"0 5 * * *\": at five in the morning, UTC."
  }
  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.feeds)))
    error_message = "What reads like a key stands in feeds, which are addresses: keys belong into Secret Manager and nowhere else."
  }
}

locals {
  feeds = jsonencode({
    urls     = var.feeds.urls
    tenant   = var.feeds.tenant
    pipeline = { name = var.feeds.pipeline, sha256 = sha256(try(local.definitions[var.feeds.pipeline], "")) }
  })
}
