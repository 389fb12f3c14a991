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
    budget-low = {
      query    = "sum by (scope, period) (increase(${local.log.budgets_low}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "Over 80 % of a budget is spent or held. `penstock budget list` says of which and how much is left; `penstock spend --by model` says what it went to; `penstock budget set` raises it."
    }
    budget-exhausted = {
      query    = "sum by (scope, period) (increase(${local.log.budgets_out}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "CRITICAL"
      text     = "A budget lets calls no longer start: they wait for its next period, or fail with budget_exhausted where it says so. Nothing is lost; `penstock budget set` raises it and wakes them."
    }
    }, !local.with_batches ? {} : {
    batch-stuck = {
      query    = "sum(increase(${local.log.batches_stuck}{${local.run}}[30m])) > 0"
      for_s    = 600
      severity = "CRITICAL"
      text     = "A batch that is out cannot be asked after, or no route has its target any more. `penstock batches list` shows which; the log lines with action batch.unreachable or batch.stranded say why. Is the key of another project, was the target taken out too early?"
    }
    batch-escalations = {
      query    = "sum(increase(${local.log.batches_late}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "Batches were called back because their time was up: who got no line was asked at once, at list price. The provider is slower than its past; the rule learns it."
    }
    batch-refused = {
      query    = "sum(increase(${local.log.batches_failed}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A provider refused a batch, or failed it as a whole (token_limit_exceeded: more is enqueued than the account may have). The log line's reason has the code; members wait for a smaller one, or are asked at once."
    }
    }, !local.with_callbacks ? {} : {
    endpoint-off = {
      query    = "sum by (endpoint) (increase(${local.log.endpoints_off}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "An endpoint of callbacks was switched off: it answered 410, or failed for five days. What it is owed waits for three days. `penstock endpoint list` says why; mend it, `penstock endpoint test`, `penstock endpoint enable`."
    }
    }, !local.with_runs ? {} : {
    run-failed = {
      query    = "sum(increase(${local.log.runs}{${local.run},status=\"failed\"}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A run has ended without its answers. The label reason says why: too_many_failures is its pipeline's own tolerance, deadline_exceeded its time, malformed its items, reduce_stuck a limit to raise. Look: `penstock run show RUN`; `penstock run redrive RUN` asks again about what failed, and about nothing else."
    }
    run-silent = {
      query    = "histogram_quantile(0.99, sum by (le) (increase(${local.log.run_silent}_bucket{${local.run}}[30m]))) > ${var.thresholds.run_silent_s}"
      for_s    = 0
      severity = "WARNING"
      text     = "Nothing of a run has moved for long, though the sweeper wakes it. Paused (`penstock runs`)? Are its members put aside (action request.parked), or does run-handler fail? The log lines with action run.waiting say which run."
    }
    }, var.engine == null ? {} : {
    gpu-awake = {
      query    = "sum(run_googleapis_com:container_instance_count{${local.run},service_name=\"${var.engine}\"}) > 0"
      for_s    = var.thresholds.gpu_awake_h * 3600
      severity = "WARNING"
      text     = "The engine has not slept for ${var.thresholds.gpu_awake_h} hours and is billed by the second. Steady work is fine (compare `penstock tune recommend`); else something keeps it awake: min_instances, or a client that polls."
    }
  })

  # Those that may be named although what they watch is switched off.
  switched_alerts = ["gpu-awake", "run-failed", "run-silent"]

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
