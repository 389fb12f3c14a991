output "database" {
  description = "The database's name, as the functions' environment carries it."
  value       = google_firestore_database.this.name
}

output "bucket" {
  description = "gs:// URL of the blobs' bucket, as the functions' environment carries it."
  value       = "gs://${google_storage_bucket.blobs.name}"
}

output "indexes" {
  description = "What can be queried: collection group => field => order. Everything else is exempt; a test compares this with the queries the code makes."
  value = {
    for c in values(var.collections) : c.name => {
      for field in google_firestore_field.indexed : field.field => one(one(field.index_config).indexes).order if field.collection == c.name
    } if length(c.indexed) > 0
  }
}

output "expiring" {
  description = "Collections whose documents Firestore deletes once expires_at has passed."
  value       = sort(values(local.expiring))
}
