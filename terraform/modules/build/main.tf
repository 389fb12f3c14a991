# From a zip to an image: the sources, the images, and the identity that builds one from the other.
# The default build identity of a new project may not build; ours may, and nothing else.

resource "google_storage_bucket" "sources" {
  project  = var.project_id
  name     = "${var.project_id}-functions"
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.destroy

  # A replaced bundle leaves as a noncurrent version: 90 days to look at what ran.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
    }
  }
}

resource "google_storage_bucket_object" "bundle" {
  bucket = google_storage_bucket.sources.name
  name   = "penstock-functions-${filesha256(var.bundle)}.zip"
  source = var.bundle
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = "penstock-functions"
  format        = "DOCKER"
  description   = "Images of the functions, built from the bundle."

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
}

resource "google_service_account" "builder" {
  project      = var.project_id
  account_id   = "penstock-builder"
  display_name = "Penstock: builds the functions' images"
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project_id
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

# Cloud Functions copies the sources into a bucket of its own, which is there only after the first deployment:
# a grant on that bucket cannot be made yet, so it is one on the project, narrowed to buckets of that name.
resource "google_project_iam_member" "builder_reads_copies" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member

  condition {
    title       = "cloud-functions-copies-only"
    description = "Only the buckets into which Cloud Functions copies sources."
    expression  = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${google_storage_bucket.sources.project_number}-\")"
  }
}

# Logging has no finer resource than the project for writing.
resource "google_project_iam_member" "builder_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

resource "time_sleep" "granted" {
  create_duration = var.settle
  triggers = {
    repository = google_artifact_registry_repository_iam_member.builder.id
    sources    = google_storage_bucket_iam_member.builder.id
    copies     = google_project_iam_member.builder_reads_copies.id
    logs       = google_project_iam_member.builder_logs.id
  }
}
