output "ids" {
  description = "Secret => its full name (projects/P/secrets/S); what it holds is read by the handler at run time only."
  value       = { for name, secret in google_secret_manager_secret.this : name => secret.id }
}
