resource "google_pubsub_subscription" "consumer" {
  for_each = var.consumers

  project              = var.project_id
  name                 = "${var.name}-${each.key}"
  topic                = google_pubsub_topic.this.id
  ack_deadline_seconds = each.value.ack_deadline_s
  filter               = each.value.tenant == null ? null : "attributes.tenant = \"${each.value.tenant}\""

  message_retention_duration = "${each.value.retention_days * 86400}s"

  expiration_policy {
    ttl = each.value.expires_after_days == 0 ? "" : "${each.value.expires_after_days * 86400}s"
  }
}

resource "google_pubsub_subscription_iam_member" "consumer" {
  for_each = var.consumers

  project      = var.project_id
  subscription = google_pubsub_subscription.consumer[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = each.value.member
}
