# Traces: off unless functions.traces says where they go. Google's own collector takes the identity that confirms results, and nobody else.

locals {
  traces = var.functions.traces == null ? { endpoint = "off", share = 0.01, slow_s = 60 } : var.functions.traces

  traced_by_google = startswith(local.traces.endpoint, "https://telemetry.googleapis.com/")
}

# Cloud Trace has no IAM below the project.
resource "google_project_iam_member" "traces" {
  count = local.traced_by_google ? 1 : 0

  project = module.project.project_id
  role    = "roles/telemetry.tracesWriter"
  member  = local.members["responder"]
}
