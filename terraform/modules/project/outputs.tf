output "project_id" {
  description = "The project's id, usable only once every API is on: whoever builds on this output waits for them."
  value       = var.project_id
  depends_on  = [google_project_service.this, time_sleep.settled]
}

output "pubsub_agent" {
  description = "IAM member of Pub/Sub's service agent: it forwards dead letters, mints push tokens, writes to buckets and BigQuery."
  value       = google_project_service_identity.this["pubsub.googleapis.com"].member
  depends_on  = [time_sleep.settled]
}

output "scheduler_agent" {
  description = "IAM member of Cloud Scheduler's service agent: it mints the token with which the sweeper is called."
  value       = google_project_service_identity.this["cloudscheduler.googleapis.com"].member
  depends_on  = [time_sleep.settled]
}

output "services" {
  description = "The APIs that are on."
  value       = [for service in google_project_service.this : service.service]
}
