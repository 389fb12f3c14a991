# Addresses of installations made before runs had a topic of results of their own.

moved {
  from = google_pubsub_subscription.bigquery
  to   = google_pubsub_subscription.bigquery["responses"]
}

moved {
  from = google_pubsub_subscription_iam_member.forwarder
  to   = google_pubsub_subscription_iam_member.forwarder["responses"]
}
