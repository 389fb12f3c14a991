mock_provider "google" {}

override_resource {
  target = google_service_account.this
  values = { member = "serviceAccount:run-workflow@my-project-1", id = "projects/my-project-1/serviceAccounts/run-workflow", name = "accounts/run-workflow" }
}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  name       = "run-workflow"
  runs_topic = "llm-runs"
  database   = "(default)"
  answerer   = "serviceAccount:courier@my-project-1"
}

run "it_runs_as_itself_and_logs_no_prompts" {
  assert {
    condition     = google_workflows_workflow.this.service_account == "projects/my-project-1/serviceAccounts/run-workflow" && google_workflows_workflow.this.call_log_level == "LOG_ERRORS_ONLY" && google_workflows_workflow.this.deletion_protection
    error_message = "The workflow must have an identity of its own, log errors alone, and stay."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.notifies) == 0 && google_workflows_workflow.this.user_env_vars.NOTIFY_TOPIC == "none"
    error_message = "Without a topic nobody is notified."
  }
  assert {
    condition     = can(yamldecode(google_workflows_workflow.this.source_contents).main.steps) && length(google_workflows_workflow.this.source_contents) < 128000
    error_message = "The definition must be YAML of at most 128 KB."
  }
}

run "it_notifies_a_topic" {
  variables { notify_topic = "digests" }
  assert {
    condition     = google_pubsub_topic_iam_member.notifies[0].topic == "digests"
    error_message = "It may not publish where it should notify."
  }
}
