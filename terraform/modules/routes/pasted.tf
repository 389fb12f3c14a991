# A provider's key where a name belongs, known by its prefix: as functions/penstock/targets/pasted.py knows it; a test compares the two.
# Terraform repeats a string in its own words when a condition looks at it, so conditions look at the whole variable as JSON.

locals {
  key = "(^|[^A-Za-z0-9])(sk-[A-Za-z0-9_-]{12,}|AIza[A-Za-z0-9_-]{12,}|gsk_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{16,}|AQ\\.[A-Za-z0-9_-]{16,}|ya29\\.[A-Za-z0-9_-]+|(xai|pplx)-[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,}|r8_[A-Za-z0-9]{20,}|(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|-----BEGIN |[Bb]earer )|(^|[\"'/])\\s*(sk-|AIza|gsk_)"
}

output "key" {
  description = "Regular expression of what reads like a provider's key."
  value       = local.key
}
