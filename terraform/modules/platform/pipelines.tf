# Named pipelines of runs, as blobs under the hash of their bytes: a run's message names both, and what is deployed later changes no run.

locals {
  definitions = { for name, definition in var.data.pipelines : name => jsonencode(definition) }
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

locals {
  feeds = jsonencode({
    urls     = var.data.feeds.urls
    tenant   = var.data.feeds.tenant
    pipeline = { name = var.data.feeds.pipeline, sha256 = sha256(try(local.definitions[var.data.feeds.pipeline], "")) }
  })
}
