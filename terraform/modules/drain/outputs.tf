output "job" {
  description = "What a target says as `job`."
  value       = "projects/${var.project_id}/locations/${var.region}/jobs/${local.name}"
}

output "drain" {
  description = "What a target says as `drain`."
  value       = "gs://${var.project_id}-drains"
}
