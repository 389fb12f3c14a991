mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project_id  = "my-project-1"
  environment = "test"
  services    = ["request-handler", "response-processor", "sweeper"]
}

run "an_alert_for_each_worry" {
  variables { emails = ["ops@example.com"] }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.this)) == toset(["dead-letters", "undeliverable", "oldest-open", "sweeper-absent", "error-ratio", "latency-p95", "spend"])
    error_message = "An alert is missing, or one for a GPU that is not there."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : length(a.notification_channels) == 1 && length(a.documentation[0].content) > 80])
    error_message = "An alert tells nobody, or does not say what to do."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : a.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "In an empty project the log-based metrics do not exist yet: the alert must not be refused for it."
  }
  assert {
    condition     = length(google_billing_budget.this) == 0
    error_message = "A budget without a billing account."
  }
}

run "with_budgets" {
  command = plan
  variables { rooms = ["budgets"] }
  assert {
    condition     = length(setintersection(keys(google_monitoring_alert_policy.this), ["budget-low", "budget-exhausted"])) == 2
    error_message = "Nobody hears that a budget is running out."
  }
}

run "with_bills" {
  command = plan
  variables { rooms = ["bills"] }
  assert {
    condition     = length(setintersection(keys(google_monitoring_alert_policy.this), ["bill-unexplained", "bill-unread"])) == 2 && google_logging_metric.counter["bills_unexplained"].filter != ""
    error_message = "Nobody hears that a bill has no explanation."
  }
}

run "with_callbacks" {
  variables { rooms = ["callbacks"] }
  assert {
    condition     = contains(keys(google_monitoring_alert_policy.this), "endpoint-off") && contains(keys(google_logging_metric.counter), "callbacks")
    error_message = "Nobody notices that an endpoint was switched off."
  }
}

run "every_metric_that_is_asked_for_is_made" {
  command = plan
  assert {
    condition = alltrue([
      for name in flatten([for text in concat(values(output.alerts), [google_monitoring_dashboard.this.dashboard_json]) : regexall("user_penstock_([a-z_]+?)(?:_sum|_count|_bucket)?\\{", text)]) :
      contains([for m in concat(values(google_logging_metric.counter), values(google_logging_metric.distribution)) : m.name], "penstock/${name}")
    ])
    error_message = "An alert or a chart asks for a metric that nobody writes."
  }
  assert {
    condition     = alltrue([for m in concat(values(google_logging_metric.counter), values(google_logging_metric.distribution)) : strcontains(m.filter, "resource.labels.service_name=(\"request-handler\" OR \"response-processor\" OR \"sweeper\")")])
    error_message = "A metric counts lines of other services."
  }
  assert {
    condition     = alltrue([for title in ["Requests", "cache", "Cost", "Latency", "Age", "Batch size"] : strcontains(google_monitoring_dashboard.this.dashboard_json, title)])
    error_message = "The dashboard lacks requests, hit rate, cost, latency, ages or batch size."
  }
}

run "with_lanes_that_wait" {
  variables { rooms = ["batches"] }
  assert {
    condition     = alltrue([for name in ["batch-stuck", "batch-stranded", "batch-escalations", "batch-refused"] : contains(keys(output.alerts), name)])
    error_message = "Nobody notices a batch that is stuck, stranded, called back or refused."
  }
  assert {
    condition = alltrue([
      for name in flatten([for text in concat(values(output.alerts), [google_monitoring_dashboard.this.dashboard_json]) : regexall("user_penstock_([a-z_]+?)(?:_sum|_count|_bucket)?\\{", text)]) :
      contains([for m in concat(values(google_logging_metric.counter), values(google_logging_metric.distribution)) : m.name], "penstock/${name}")
    ])
    error_message = "An alert or a chart of batches asks for a metric that nobody writes."
  }
  assert {
    condition     = alltrue([for title in ["finished by lane", "Saved by lanes", "Batches sent", "Requests of one batch"] : strcontains(google_monitoring_dashboard.this.dashboard_json, title)])
    error_message = "The dashboard lacks lanes."
  }
}

run "with_runs" {
  variables { rooms = ["runs"] }
  assert {
    condition     = length(setsubtract(["run-failed", "run-silent"], keys(output.alerts))) == 0 && strcontains(google_monitoring_dashboard.this.dashboard_json, "Runs begun, paused")
    error_message = "Nobody would notice a run that failed, or one in which nothing moves."
  }
  assert {
    condition     = strcontains(output.alerts["run-out-of-budget"], "user_penstock_runs_out{") && strcontains(google_monitoring_dashboard.this.dashboard_json, "user_penstock_runs_out{") && endswith(google_logging_metric.counter["runs_out"].filter, " AND jsonPayload.action=\"run.out_of_budget\"")
    error_message = "Nobody would notice a run that has paused itself for want of budget, while its deadline passes."
  }
  assert {
    condition = alltrue([
      for name in flatten([for text in concat(values(output.alerts), [google_monitoring_dashboard.this.dashboard_json]) : regexall("user_penstock_([a-z_]+?)(?:_sum|_count|_bucket)?\\{", text)]) :
      contains([for m in concat(values(google_logging_metric.counter), values(google_logging_metric.distribution)) : m.name], "penstock/${name}")
    ])
    error_message = "An alert or a chart of runs asks for a metric that nobody writes."
  }
}

run "with_a_gpu_and_a_budget" {
  command = plan
  variables {
    engine = "engine"
    budget = { billing_account = "012345-6789AB-CDEF01", units = 50 }
  }
  assert {
    condition     = strcontains(output.alerts["gpu-awake"], "service_name=\"engine\"") && google_monitoring_alert_policy.this["gpu-awake"].conditions[0].condition_prometheus_query_language[0].duration == "14400s"
    error_message = "Nobody notices a GPU that never sleeps."
  }
  assert {
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "50" && length(google_billing_budget.this[0].threshold_rules) == 3
    error_message = "The budget is not the one asked for."
  }
}

run "only_those_that_are_wanted" {
  command = plan
  variables { alerts = ["spend", "gpu-awake"] }
  assert {
    condition     = keys(google_monitoring_alert_policy.this) == ["spend"]
    error_message = "An alert nobody asked for, or one for a GPU that is not there."
  }
}

run "refuses_an_alert_it_does_not_have" {
  command = plan
  variables { alerts = ["spendings"] }
  expect_failures = [var.alerts]
}

run "refuses_a_ratio_in_percent_and_names_for_an_address_and_an_account" {
  command = plan
  variables {
    thresholds = { error_ratio = 5 }
    emails     = ["ops"]
    budget     = { billing_account = "My Billing Account", units = 50 }
  }
  expect_failures = [var.thresholds, var.emails, var.budget]
}

run "refuses_no_threshold" {
  command = plan
  variables { thresholds = { usd_per_hour = 0 } }
  expect_failures = [var.thresholds]
}

run "refuses_a_watch_longer_than_a_day" {
  command = plan
  variables { thresholds = { gpu_awake_h = 24 } }
  expect_failures = [var.thresholds]
}
