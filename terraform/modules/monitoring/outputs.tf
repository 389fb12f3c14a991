output "dashboard" {
  description = "Resource name of the dashboard."
  value       = google_monitoring_dashboard.this.id
}

output "alerts" {
  description = "Alert => its query; docs/operations.md says what to do when one fires."
  value       = { for name, alert in local.alerts : name => alert.query }
}

output "actions" {
  description = "Log action => the fields that metrics take from it; a test compares them with what the code writes."
  value = {
    for action in distinct([for metric in merge(local.counters, local.distributions) : metric.action]) : action => sort(distinct(flatten([
      [for metric in values(local.counters) : metric.labels if metric.action == action],
      [for metric in values(local.distributions) : concat(metric.labels, [metric.field]) if metric.action == action],
    ])))
  }
}
