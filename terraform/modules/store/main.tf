# What Penstock remembers: documents in Firestore, and in a bucket what is too long for a document.

resource "google_firestore_database" "this" {
  project     = var.project_id
  name        = var.settings.database
  location_id = coalesce(var.settings.location, var.region)
  type        = "FIRESTORE_NATIVE"

  point_in_time_recovery_enablement = var.settings.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.settings.protected ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  # What `terraform destroy` does: protected, it only forgets the database; else it deletes it with everything in it.
  deletion_policy = var.settings.protected ? "ABANDON" : "DELETE"
}

resource "google_storage_bucket" "blobs" {
  project  = var.project_id
  name     = "${var.project_id}-blobs"
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.settings.protected

  # Every blob is written once under its own hash; nothing is ever overwritten that another document points to.
  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    # What requests and runs leave behind; deployed pipelines, beside it, stay as long as somebody deploys them.
    condition {
      age            = var.settings.blob_days
      matches_prefix = sort(var.passing)
    }
  }
}
