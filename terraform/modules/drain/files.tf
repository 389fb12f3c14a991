# A bucket of its own: the job reads and writes no other, and no prompt of the installation but those it is handed.

resource "google_storage_bucket" "files" {
  project                     = var.project_id
  name                        = "${var.project_id}-drains"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # The batcher deletes what is collected; this is for what it did not get to.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 3
      matches_prefix = ["drains/"]
    }
  }
}

# Python imports from a zip: the job runs what the functions of this release are.
resource "google_storage_bucket_object" "bundle" {
  bucket = google_storage_bucket.files.name
  name   = "program/${filesha256(var.bundle)}.zip"
  source = var.bundle
}

locals {
  accounts = { drain = google_service_account.this.member, batcher = "serviceAccount:${var.started_by}" }
}

resource "google_storage_bucket_iam_member" "files" {
  for_each = local.accounts

  bucket = google_storage_bucket.files.name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "weights" {
  count = var.settings.weights_bucket == null ? 0 : 1

  bucket = var.settings.weights_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.this.member
}

# Overrides, since each execution is told which file is its own; the viewer's for asking after it.
resource "google_cloud_run_v2_job_iam_member" "starter" {
  for_each = toset(["roles/run.jobsExecutorWithOverrides", "roles/run.viewer"])

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_job.this.name
  role     = each.value
  member   = local.accounts.batcher
}
