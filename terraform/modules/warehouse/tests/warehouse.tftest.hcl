mock_provider "google" {}

variables {
  project_id        = "my-project-1"
  region            = "us-central1"
  topics            = { responses = { id = "projects/my-project-1/topics/llm-responses", name = "llm-responses" } }
  dead_letter_topic = "projects/my-project-1/topics/llm-dead-letters"
  pubsub_agent      = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
}

run "responses_as_rows" {
  assert {
    condition     = one(google_pubsub_subscription.bigquery["responses"].dead_letter_policy).dead_letter_topic == var.dead_letter_topic && google_pubsub_subscription_iam_member.forwarder["responses"].role == "roles/pubsub.subscriber"
    error_message = "A row that BigQuery refuses must become a dead letter."
  }
  assert {
    condition     = one(google_pubsub_subscription.bigquery["responses"].bigquery_config).write_metadata && one(google_pubsub_subscription.bigquery["responses"].bigquery_config).table == "my-project-1.penstock.responses"
    error_message = "The rows carry no metadata, or go to another table."
  }
  assert {
    condition     = { for c in jsondecode(google_bigquery_table.responses.schema) : c.name => c.type } == { subscription_name = "STRING", message_id = "STRING", publish_time = "TIMESTAMP", data = "JSON", attributes = "JSON" }
    error_message = "The columns are not those that Pub/Sub writes."
  }
  assert {
    condition     = one(google_bigquery_table.responses.time_partitioning).field == "publish_time" && one(google_bigquery_table.responses.time_partitioning).expiration_ms == 400 * 86400000
    error_message = "Partitions do not expire after the days asked for."
  }
  assert {
    condition     = google_bigquery_table.responses.deletion_protection && google_bigquery_dataset.this.delete_contents_on_destroy == false
    error_message = "By default a destroy would take the responses along."
  }
}

run "members_of_runs_beside_them" {
  command = plan
  variables {
    topics = {
      responses = { id = "projects/my-project-1/topics/llm-responses", name = "llm-responses" }
      internal  = { id = "projects/my-project-1/topics/llm-internal", name = "llm-internal" }
    }
  }
  assert {
    condition     = output.subscriptions == { responses = "llm-responses-bigquery", internal = "llm-internal-bigquery" } && length(distinct([for s in google_pubsub_subscription.bigquery : one(s.bigquery_config).table])) == 1
    error_message = "What runs ask for themselves would be missing from the results and from the daily cost."
  }
}

run "refuses_no_days" {
  command = plan
  variables { settings = { days = 0 } }
  expect_failures = [var.settings]
}

run "refuses_public_analysts" {
  command = plan
  variables { settings = { analysts = ["allAuthenticatedUsers"] } }
  expect_failures = [var.settings]
}
