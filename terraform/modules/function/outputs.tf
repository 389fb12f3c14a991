output "accounts" {
  description = "Full names of its two service accounts: whoever deploys must be allowed to act as them."
  value       = { (var.name) = var.identity.name, (google_service_account.caller.account_id) = google_service_account.caller.name }
}

output "caller" {
  description = "E-mail of the only account that may call it. Known once the call is permitted and tokens can be minted."
  value       = google_service_account.caller.email
  depends_on  = [google_cloud_run_v2_service_iam_member.caller, google_service_account_iam_member.token_minter]
}

output "uri" {
  description = "Where it listens; the audience of the callers' tokens too."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "name" {
  description = "Name of the function and of the Cloud Run service underneath."
  value       = google_cloudfunctions2_function.this.name
}
