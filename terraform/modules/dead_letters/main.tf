# What will not be tried again. Pull only: nothing acts on a dead letter until a person looks at it.

resource "google_pubsub_topic" "this" {
  project = var.project_id
  name    = var.name

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  # The agent's grant is one of the two that dead-lettering needs; without it Pub/Sub drops nothing but retries for ever, silently.
  for_each = merge(var.publishers, { pubsub-agent = var.pubsub_agent })

  project = var.project_id
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

resource "google_pubsub_subscription" "pull" {
  project              = var.project_id
  name                 = var.subscription
  topic                = google_pubsub_topic.this.id
  ack_deadline_seconds = 600

  # 31 days, Pub/Sub's maximum, and the retention of the requests themselves: a letter can be redriven as long as it lies here.
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "reader" {
  for_each = var.readers

  project      = var.project_id
  subscription = google_pubsub_subscription.pull.name
  role         = "roles/pubsub.subscriber"
  member       = each.value
}
