data "google_project" "this" {
  count = var.budget == null ? 0 : 1

  project_id = var.project_id
}

# google-beta because its provider block names the project whose quota this API counts against.
resource "google_billing_budget" "this" {
  count    = var.budget == null ? 0 : 1
  provider = google-beta

  billing_account = var.budget.billing_account
  display_name    = "Penstock ${var.environment}"

  budget_filter {
    projects = ["projects/${data.google_project.this[0].number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget.units)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  }
}
