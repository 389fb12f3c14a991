mock_provider "google" {}

variables {
  project_id   = "my-project-1"
  name         = "llm-dead-letters"
  subscription = "llm-dead-letters-inspection"
  region       = "us-central1"
  publishers   = { handler = "serviceAccount:h@x.iam.gserviceaccount.com" }
  pubsub_agent = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
}

run "kept_for_31_days_and_archived" {
  variables { readers = ["user:ops@example.com"] }
  assert {
    condition     = google_pubsub_subscription.pull.message_retention_duration == "2678400s" && one(google_pubsub_subscription.pull.expiration_policy).ttl == "" && length(google_pubsub_subscription.pull.push_config) == 0
    error_message = "Dead letters must wait 31 days in a pull subscription that never expires."
  }
  assert {
    condition     = one(one(google_pubsub_subscription.archive.cloud_storage_config).avro_config).write_metadata && one(google_pubsub_subscription.archive.expiration_policy).ttl == ""
    error_message = "The archive must keep the attributes and never expire."
  }
  assert {
    condition     = toset([for m in google_pubsub_topic_iam_member.publisher : m.member]) == toset([var.pubsub_agent, "serviceAccount:h@x.iam.gserviceaccount.com"])
    error_message = "Pub/Sub's agent and the handler must both be able to publish dead letters, and nobody else."
  }
  assert {
    condition     = toset([for m in google_storage_bucket_iam_member.agent : m.role]) == toset(["roles/storage.objectCreator", "roles/storage.legacyBucketReader"])
    error_message = "Pub/Sub refuses a bucket without these two grants."
  }
  assert {
    condition     = google_storage_bucket.archive.public_access_prevention == "enforced" && google_storage_bucket.archive.uniform_bucket_level_access && google_storage_bucket.archive.force_destroy == false
    error_message = "The archive must be private, and not be deleted with its letters."
  }
}

run "refuses_an_archive_shorter_than_the_subscription" {
  command = plan
  variables { archive = { days = 31 } }
  expect_failures = [var.archive]
}

run "refuses_public_readers" {
  command = plan
  variables { readers = ["allUsers"] }
  expect_failures = [var.readers]
}
