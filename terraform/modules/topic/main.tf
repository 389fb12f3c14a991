# A topic with the one push subscription that feeds our function, the consumers' pull subscriptions, and the IAM of all of them.

resource "google_pubsub_topic" "this" {
  project = var.project_id
  name    = var.name

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = var.publishers

  project = var.project_id
  topic   = google_pubsub_topic.this.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

resource "google_pubsub_subscription" "push" {
  project              = var.project_id
  name                 = var.push.name
  topic                = google_pubsub_topic.this.id
  ack_deadline_seconds = var.push.ack_deadline_s

  message_retention_duration = "${var.push.retention_s}s"

  # Without a push_config the subscription is a pull subscription that nobody pulls: that is the pause.
  dynamic "push_config" {
    for_each = var.push.paused ? [] : [var.push]
    content {
      push_endpoint = push_config.value.endpoint
      oidc_token {
        service_account_email = push_config.value.caller
        audience              = push_config.value.endpoint
      }
    }
  }

  retry_policy {
    minimum_backoff = "${var.push.min_backoff_s}s"
    maximum_backoff = "${var.push.max_backoff_s}s"
  }

  dead_letter_policy {
    dead_letter_topic     = var.dead_letter_topic
    max_delivery_attempts = var.push.max_delivery_attempts
  }

  # Never: by default a subscription that idles for 31 days is removed, and the pipeline with it.
  expiration_policy {
    ttl = ""
  }
}

# The second of the two grants that dead-lettering needs; the first one, on the dead-letter topic, stands with that topic.
resource "google_pubsub_subscription_iam_member" "forwarder" {
  project      = var.project_id
  subscription = google_pubsub_subscription.push.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}
