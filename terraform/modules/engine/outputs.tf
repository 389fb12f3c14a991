output "name" {
  description = "Name of the Cloud Run service."
  value       = google_cloud_run_v2_service.this.name
}

output "base_url" {
  description = "What a target of this engine has as base_url. The OpenAI-compatible API lies under /v1; TGI's client adds that itself."
  value       = "${google_cloud_run_v2_service.this.uri}${var.settings.kind == "vllm" ? "/v1" : ""}"
}

output "accounts" {
  description = "Full name of its service account: whoever deploys must be allowed to act as it."
  value       = { (google_service_account.this.account_id) = google_service_account.this.name }
}

output "known" {
  description = "Every setting that an engine has, so that a misspelt one can be refused instead of ignored."
  value       = { settings = keys(var.settings), tgi = try(keys(var.tgi), []), vllm = try(keys(var.vllm), []) }
}

output "gpus" {
  description = "What Cloud Run and the engines offer: GPU => minimum CPU and memory (GiB), engine => quantizations. The tuner's own table is compared with it."
  value = { for name, gpu in local.gpus : name => {
    min_cpu       = gpu.min_cpu
    min_memory    = gpu.min_memory
    quantizations = { for kind, by_gpu in local.quantizations : kind => by_gpu[name] }
  } }
}
