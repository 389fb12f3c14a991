output "deployer" {
  description = "E-mail of the identity that cloudbuild.yaml runs as."
  value       = google_service_account.deployer.email
}

output "approval" {
  description = "Whether a build waits for a person; null without a trigger."
  value       = try(one(google_cloudbuild_trigger.this).approval_config[0].approval_required, null)
}
