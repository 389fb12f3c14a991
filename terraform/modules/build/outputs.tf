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
