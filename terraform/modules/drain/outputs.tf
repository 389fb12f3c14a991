output "job" {
  description = "What a target says as `job`."
  value       = "projects/${var.project_id}/locations/${var.region}/jobs/${local.name}"
}

output "spot" {
  description = "What a target says as `spot`, where its files are worked off on Spot VMs instead; null: they cannot be."
  value       = var.settings.spot == null ? null : "projects/${var.project_id}/locations/${var.region}"
}

output "drain" {
  description = "What a target says as `drain`."
  value       = "gs://${var.project_id}-drains"
}
