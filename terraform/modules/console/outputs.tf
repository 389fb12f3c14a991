output "uri" {
  description = "Where people open it."
  value       = google_cloud_run_v2_service.this.uri
}
