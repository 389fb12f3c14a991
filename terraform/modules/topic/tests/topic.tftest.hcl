mock_provider "google" {}

variables {
  project_id        = "my-project-1"
  name              = "llm-responses"
  region            = "us-central1"
  dead_letter_topic = "projects/my-project-1/topics/llm-dead-letters"
  pubsub_agent      = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
  push = {
    name           = "llm-responses-processor"
    endpoint       = "https://f.example.run.app"
    caller         = "f-caller@my-project-1.iam.gserviceaccount.com"
    timeout_s      = 540
    ack_deadline_s = 600
  }
}

run "push_as_the_protocol_needs_it" {
  assert {
    condition = alltrue([
      google_pubsub_subscription.push.ack_deadline_seconds == 600,
      one(google_pubsub_subscription.push.retry_policy).minimum_backoff == "10s",
      one(google_pubsub_subscription.push.retry_policy).maximum_backoff == "600s",
      one(google_pubsub_subscription.push.dead_letter_policy).max_delivery_attempts == 100,
      one(google_pubsub_subscription.push.dead_letter_policy).dead_letter_topic == var.dead_letter_topic,
      one(google_pubsub_subscription.push.expiration_policy).ttl == "",
    ])
    error_message = "The push subscription's deadlines, back-off, attempts, dead letters or expiry are wrong."
  }
  assert {
    condition     = one(one(google_pubsub_subscription.push.push_config).oidc_token).audience == "https://f.example.run.app" && one(one(google_pubsub_subscription.push.push_config).oidc_token).service_account_email == var.push.caller
    error_message = "The OIDC token's audience must be the function's URI, and its account the caller's."
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.forwarder.role == "roles/pubsub.subscriber" && google_pubsub_subscription_iam_member.forwarder.member == var.pubsub_agent
    error_message = "Without the agent's grant on the subscription nothing is ever dead-lettered."
  }
  assert {
    condition     = google_pubsub_topic.this.message_storage_policy[0].allowed_persistence_regions == toset(["us-central1"])
    error_message = "Messages may leave the region."
  }
}

run "paused_has_no_endpoint" {
  command = plan
  variables { push = { name = "llm-responses-processor", endpoint = "https://f.example.run.app", caller = "c@x", timeout_s = 540, ack_deadline_s = 600, paused = true } }
  assert {
    condition     = length(google_pubsub_subscription.push.push_config) == 0
    error_message = "Paused must mean that nothing is delivered."
  }
}

run "publishers_and_consumers" {
  variables {
    publishers = { app = "serviceAccount:app@x.iam.gserviceaccount.com" }
    consumers = {
      billing = { member = "serviceAccount:b@x.iam.gserviceaccount.com", tenant = "acme", expires_after_days = 0 }
      all     = { member = "group:ops@example.com", retention_days = 31 }
    }
  }
  assert {
    condition     = google_pubsub_topic_iam_member.publisher["app"].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.publisher["app"].member == "serviceAccount:app@x.iam.gserviceaccount.com"
    error_message = "The publisher has no grant on the topic."
  }
  assert {
    condition     = google_pubsub_subscription.consumer["billing"].filter == "attributes.tenant = \"acme\"" && google_pubsub_subscription.consumer["all"].filter == null
    error_message = "The tenant filter is missing, or where none was asked for."
  }
  assert {
    condition     = one(google_pubsub_subscription.consumer["billing"].expiration_policy).ttl == "" && one(google_pubsub_subscription.consumer["all"].expiration_policy).ttl == "2678400s"
    error_message = "A consumer's expiry is not what was asked for."
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.consumer["billing"].subscription == google_pubsub_subscription.consumer["billing"].name && google_pubsub_subscription_iam_member.consumer["billing"].member == "serviceAccount:b@x.iam.gserviceaccount.com"
    error_message = "A consumer cannot read its own subscription."
  }
}

run "refuses_an_ack_deadline_below_the_function_timeout" {
  command = plan
  variables { push = { name = "llm-responses-processor", endpoint = "https://f", caller = "c", timeout_s = 540, ack_deadline_s = 540 } }
  expect_failures = [var.push]
}

run "refuses_too_few_attempts" {
  command = plan
  variables { push = { name = "llm-responses-processor", endpoint = "https://f", caller = "c", timeout_s = 540, ack_deadline_s = 600, max_delivery_attempts = 4 } }
  expect_failures = [var.push]
}

run "refuses_a_backoff_upside_down" {
  command = plan
  variables { push = { name = "llm-responses-processor", endpoint = "https://f", caller = "c", timeout_s = 540, ack_deadline_s = 600, min_backoff_s = 60, max_backoff_s = 30 } }
  expect_failures = [var.push]
}

run "refuses_public_publishers_and_readers" {
  command = plan
  variables {
    publishers = { everyone = "allUsers" }
    consumers  = { everyone = { member = "allAuthenticatedUsers" } }
  }
  expect_failures = [var.publishers, var.consumers]
}

run "refuses_a_tenant_that_breaks_out_of_the_filter" {
  command = plan
  variables { consumers = { evil = { member = "user:a@example.com", tenant = "a\" OR attributes.tenant = \"b" } } }
  expect_failures = [var.consumers]
}

run "refuses_a_retention_longer_than_the_expiry" {
  command = plan
  variables { consumers = { late = { member = "user:a@example.com", retention_days = 31, expires_after_days = 7 } } }
  expect_failures = [var.consumers]
}

run "refuses_a_topic_name" {
  command = plan
  variables { name = "google-topic" }
  expect_failures = [var.name]
}

run "refuses_a_consumer_named_as_our_own" {
  command = plan
  variables { consumers = { processor = { member = "user:a@example.com" } } }
  expect_failures = [var.consumers]
}
