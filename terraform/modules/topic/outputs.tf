output "name" {
  description = "The topic's short name, as the functions' environment carries it."
  value       = google_pubsub_topic.this.name
}

output "id" {
  description = "The topic's full name. Its publishers hold their grants by the time this is known."
  value       = google_pubsub_topic.this.id
  depends_on  = [google_pubsub_topic_iam_member.publisher]
}

output "push_subscription" {
  description = "Name of the push subscription."
  value       = google_pubsub_subscription.push.name
}

output "consumer_subscriptions" {
  description = "Consumer => name of the subscription it pulls from."
  value       = { for name, s in google_pubsub_subscription.consumer : name => s.name }
}
