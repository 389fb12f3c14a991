output "dataset" {
  description = "The dataset: table `responses`, views `results` and `daily_cost`."
  value       = google_bigquery_dataset.this.dataset_id
}

output "subscription" {
  description = "Name of the BigQuery subscription."
  value       = google_pubsub_subscription.bigquery.name
}
