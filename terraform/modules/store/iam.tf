locals {
  database  = "projects/${var.project_id}/databases/${var.settings.database}"
  objects   = "projects/_/buckets/${google_storage_bucket.blobs.name}/objects"
  operators = { for member in var.operators : "operator ${member}" => member }
}

# Firestore has no IAM of its own: a binding on the project, narrowed to this one database.
resource "google_project_iam_member" "documents" {
  for_each = merge(var.users, local.operators)

  project = var.project_id
  role    = "roles/datastore.user"
  member  = each.value

  condition {
    title       = "penstock-database-only"
    description = "Only the database ${var.settings.database}."
    expression  = "resource.name == \"${local.database}\" || resource.name.startsWith(\"${local.database}/\")"
  }
}

resource "google_storage_bucket_iam_member" "blobs" {
  for_each = merge(var.blob_users, { for label, member in local.operators : label => { member = member, folder = "" } })

  bucket = google_storage_bucket.blobs.name
  role   = "roles/storage.objectUser"
  member = each.value.member

  dynamic "condition" {
    for_each = each.value.folder == "" ? [] : [each.value.folder]
    content {
      title       = "only-${trimsuffix(condition.value, "/")}"
      description = "Only blobs below ${condition.value}."
      expression  = "resource.name.startsWith(\"${local.objects}/${condition.value}\")"
    }
  }
}

# Completions and nothing else: payloads, which lie beside them, are the prompts.
resource "google_storage_bucket_iam_member" "completions" {
  for_each = var.completion_readers

  bucket = google_storage_bucket.blobs.name
  role   = "roles/storage.objectViewer"
  member = each.value.member

  condition {
    title       = "completions-only"
    description = each.value.tenant == null ? "Long completions of every tenant." : "Long completions of tenant ${each.value.tenant}."
    expression  = each.value.tenant == null ? "resource.name.extract(\"${local.objects}/tenants/{tenant}/completions/\") != \"\"" : "resource.name.startsWith(\"${local.objects}/tenants/${each.value.tenant}/completions/\")"
  }
}
