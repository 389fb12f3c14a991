output "build" {
  description = "What a function needs to be built: bucket and object of the sources, repository of the images, identity of the builder. Known once the builder's grants have had time to settle."
  value = {
    bucket          = google_storage_bucket.sources.name
    object          = google_storage_bucket_object.bundle.name
    repository      = google_artifact_registry_repository.images.id
    service_account = google_service_account.builder.id
  }
  depends_on = [time_sleep.granted]
}

output "accounts" {
  description = "Full name of the builder's service account: whoever deploys must be allowed to act as it."
  value       = { (google_service_account.builder.account_id) = google_service_account.builder.name }
}

output "images" {
  description = "Where images lie, as an address without a name of its own."
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "project_number" {
  description = "The project's number, by which Google's proxies name it."
  value       = google_storage_bucket.sources.project_number
}
