# Empty envelopes for provider keys, and who may open them. No version is made here: no value ever reaches a plan or a state.

resource "google_secret_manager_secret" "this" {
  for_each = var.names

  project             = var.project_id
  secret_id           = each.value
  deletion_protection = var.protected

  # A destroyed version can be brought back for a week.
  version_destroy_ttl = "604800s"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = { for pair in setproduct(var.names, keys(var.readers)) : "${pair[0]} ${pair[1]}" => { name = pair[0], reader = pair[1] } }

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.value.name].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = var.readers[each.value.reader]
}
