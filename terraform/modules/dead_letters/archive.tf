resource "google_storage_bucket" "archive" {
  project  = var.project_id
  name     = "${var.project_id}-${var.name}"
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.archive.destroy

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.archive.days
    }
  }
}

# What Pub/Sub asks of its agent before it takes a bucket as a subscription's target.
resource "google_storage_bucket_iam_member" "agent" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.legacyBucketReader"])

  bucket = google_storage_bucket.archive.name
  role   = each.value
  member = var.pubsub_agent
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.readers

  bucket = google_storage_bucket.archive.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

resource "google_pubsub_subscription" "archive" {
  project              = var.project_id
  name                 = "${var.name}-archive"
  topic                = google_pubsub_topic.this.id
  ack_deadline_seconds = 600

  message_retention_duration = "2678400s"

  cloud_storage_config {
    bucket       = google_storage_bucket.archive.name
    max_duration = "${var.archive.batch_s}s"
    max_bytes    = 104857600

    filename_datetime_format = "YYYY/MM/DD/hh_mm_ssZ"
    filename_suffix          = ".avro"

    # Attributes carry the reason, the tenant and the redrive count: without the metadata the archive could not be redriven.
    avro_config {
      write_metadata = true
    }
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_storage_bucket_iam_member.agent]
}
