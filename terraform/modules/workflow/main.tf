# A definition for Google's Workflows that begins a run and waits for its callback, and the identity that it runs as.

resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = var.name
  display_name = "Penstock: the workflow ${var.name}"
}

resource "google_workflows_workflow" "this" {
  project         = var.project_id
  region          = var.region
  name            = var.name
  description     = "Begins a run of Penstock, waits for its callback, goes on by how it ended."
  service_account = google_service_account.this.id
  source_contents = file("${path.module}/run.yaml")

  # What it is called with may hold prompts: errors alone are logged.
  call_log_level      = "LOG_ERRORS_ONLY"
  deletion_protection = var.protected

  user_env_vars = {
    RUNS_TOPIC   = var.runs_topic
    DATABASE     = var.database
    NOTIFY_TOPIC = coalesce(var.notify_topic, "none")
  }
}

# Logs have no finer resource.
resource "google_project_iam_member" "logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.this.member
}

# A callback that came too late is no failure: it looks at the run itself.
resource "google_project_iam_member" "documents" {
  project = var.project_id
  role    = "roles/datastore.viewer"
  member  = google_service_account.this.member

  condition {
    title       = "penstock-database-only"
    description = "Only the database ${var.database}."
    expression  = "resource.name == \"projects/${var.project_id}/databases/${var.database}\" || resource.name.startsWith(\"projects/${var.project_id}/databases/${var.database}/\")"
  }
}

resource "google_pubsub_topic_iam_member" "notifies" {
  count = var.notify_topic == null ? 0 : 1

  project = var.project_id
  topic   = var.notify_topic
  role    = "roles/pubsub.publisher"
  member  = google_service_account.this.member
}

# Workflows has no IAM of its own: whoever may answer one execution may answer, and begin, any of the project.
resource "google_project_iam_member" "answers" {
  project = var.project_id
  role    = "roles/workflows.invoker"
  member  = var.answerer
}
