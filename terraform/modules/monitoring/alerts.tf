# PromQL for all, and without the check that the metric exists: a log-based metric is there only minutes after it was made,
# and the first apply in an empty project must not fail over it.

locals {
  all_alerts = merge({
    dead-letters = {
      query    = "sum(increase(${local.log.dead_letters}{${local.run}}[10m])) > ${var.thresholds.dead_letters}"
      for_s    = 0
      severity = "WARNING"
      text     = "Messages ended as dead letters. Look: `penstock redrive --dry-run`, or the log lines with action deadletter.published (they carry the reason and the tenant). malformed and conflict are the client's; the others can be redriven once the cause is gone."
    }
    undeliverable = {
      query    = "sum(increase(pubsub_googleapis_com:subscription_dead_letter_message_count{monitored_resource=\"pubsub_subscription\"}[10m])) > 0"
      for_s    = 0
      severity = "CRITICAL"
      text     = "Pub/Sub itself gave up on messages: our code could not answer for hours, or Cloud Run refused it (429 at the instance limit, 403 without the invoker's grant). Look at the functions' logs and at max_instances."
    }
    oldest-open = {
      query    = "sum(increase(${local.log.oldest}_sum{${local.run}}[5m])) / sum(increase(${local.log.oldest}_count{${local.run}}[5m])) > ${var.thresholds.oldest_open_s}"
      for_s    = 300
      severity = "WARNING"
      text     = "The oldest unfinished request is older than it should get. Usually a provider throttles (action request.parked, by target and reason); if nothing is parked, look at the sweeper."
    }
    sweeper-absent = {
      query    = "(sum(increase(${local.log.sweeps}{${local.run}}[10m])) or vector(0)) < 1"
      for_s    = 300
      severity = "CRITICAL"
      text     = "The sweeper has not finished a look for 10 minutes: expired leases, parked requests and unconfirmed results wait. Is the scheduler job paused, the function failing, the caller's grant gone?"
    }
    error-ratio = {
      query    = "sum(increase(${local.log.requests}{${local.run},status=\"failed\"}[15m])) / sum(increase(${local.log.requests}{${local.run}}[15m])) > ${var.thresholds.error_ratio} and sum(increase(${local.log.requests}{${local.run}}[15m])) >= 20"
      for_s    = 300
      severity = "WARNING"
      text     = "Too many results are failures. The label reason says why: provider_rejected and content_refused are the provider's word on the request, attempts_exhausted and deadline_exceeded its state, internal is ours."
    }
    latency-p95 = {
      query    = "histogram_quantile(0.95, sum by (le) (increase(${local.log.latency}_bucket{${local.run}}[15m]))) > ${var.thresholds.p95_s * 1000}"
      for_s    = 600
      severity = "WARNING"
      text     = "Results come late. Compare the model's own time (penstock/call) with the whole: the difference is queueing, parking or too few instances."
    }
    spend = {
      query    = "sum(increase(${local.log.cost}_sum{${local.run}}[1h])) > ${var.thresholds.usd_per_hour}"
      for_s    = 0
      severity = "CRITICAL"
      text     = "Model calls cost more in an hour than allowed for. `penstock pause` stops new ones within seconds; BigQuery's daily_cost says which tenant and model. Models without a known price are not in this figure."
    }
  }, local.alerts_of_rooms...)

  # Those that may be named although what they watch is switched off.
  switched_alerts = ["gpu-awake", "run-failed", "run-out-of-budget", "run-silent", "budget-low", "budget-exhausted", "limit-throttled", "batch-stuck", "batch-stranded", "batch-escalations", "batch-refused", "endpoint-off"]

  alerts = { for name, alert in local.all_alerts : name => alert if var.alerts == null || contains(coalesce(var.alerts, []), name) }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  project      = var.project_id
  display_name = "Penstock ${var.environment}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "Penstock ${var.environment}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "${each.value.for_s}s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.counter, google_logging_metric.distribution]
}
