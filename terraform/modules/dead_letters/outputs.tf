output "id" {
  description = "The topic's full name; its publishers, Pub/Sub's agent among them, hold their grants by the time this is known."
  value       = google_pubsub_topic.this.id
  depends_on  = [google_pubsub_topic_iam_member.publisher]
}

output "name" {
  description = "The topic's short name, as the functions' environment carries it."
  value       = google_pubsub_topic.this.name
}

output "subscription" {
  description = "Name of the pull subscription that `penstock redrive` reads."
  value       = google_pubsub_subscription.pull.name
}

output "archive" {
  description = "The bucket of the archive."
  value       = google_storage_bucket.archive.name
}
