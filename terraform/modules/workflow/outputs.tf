output "member" {
  description = "IAM member of the identity that it runs as."
  value       = google_service_account.this.member
}

output "account" {
  description = "The service account itself, by its full name: a deployer has to act as it."
  value       = google_service_account.this.name
}

output "name" {
  description = "Name of the workflow."
  value       = google_workflows_workflow.this.name
}
