output "dataset" {
  description = "The dataset: table `responses`, views `results` and `daily_cost`."
  value       = google_bigquery_dataset.this.dataset_id
}

output "subscriptions" {
  description = "Topic's label => name of its BigQuery subscription."
  value       = { for label, subscription in google_pubsub_subscription.bigquery : label => subscription.name }
}
