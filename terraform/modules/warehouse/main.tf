# Every response as a row, by a BigQuery subscription of each topic that carries results: no code of ours runs, no function is woken for it.

resource "google_bigquery_dataset" "this" {
  project     = var.project_id
  dataset_id  = "penstock"
  location    = var.region
  description = "Penstock: responses as published, deduplicated results, daily cost."

  delete_contents_on_destroy = !var.settings.protected
}

resource "google_bigquery_dataset_iam_member" "analyst" {
  for_each = var.settings.analysts

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}

# Pub/Sub's own layout for a subscription without a schema: the message in `data`, and the metadata columns by these names.
resource "google_bigquery_table" "responses" {
  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = "responses"
  description         = "Every delivery of a result message. Delivery is at least once: read the view `results` instead."
  deletion_protection = var.settings.protected

  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = var.settings.days * 86400000
  }

  schema = jsonencode([
    { name = "subscription_name", type = "STRING", mode = "NULLABLE" },
    { name = "message_id", type = "STRING", mode = "NULLABLE" },
    { name = "publish_time", type = "TIMESTAMP", mode = "NULLABLE" },
    { name = "data", type = "JSON", mode = "NULLABLE" },
    { name = "attributes", type = "JSON", mode = "NULLABLE" },
  ])
}

resource "google_bigquery_table_iam_member" "agent" {
  for_each = toset(["roles/bigquery.dataEditor", "roles/bigquery.metadataViewer"])

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  table_id   = google_bigquery_table.responses.table_id
  role       = each.value
  member     = var.pubsub_agent
}

resource "google_pubsub_subscription" "bigquery" {
  for_each = var.topics

  project              = var.project_id
  name                 = "${each.value.name}-bigquery"
  topic                = each.value.id
  ack_deadline_seconds = 600

  message_retention_duration = "604800s"

  bigquery_config {
    table          = "${var.project_id}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.responses.table_id}"
    write_metadata = true
  }

  dead_letter_policy {
    dead_letter_topic     = var.dead_letter_topic
    max_delivery_attempts = 100
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_bigquery_table_iam_member.agent]
}

resource "google_pubsub_subscription_iam_member" "forwarder" {
  for_each = google_pubsub_subscription.bigquery

  project      = var.project_id
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}
