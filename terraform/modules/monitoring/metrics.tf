# Metrics made of the functions' log lines. Each line carries a stable `action`; prompts and keys are never in one.

locals {
  from_functions = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for s in sort(var.services) : "\"${s}\""])})"

  with_runs      = contains(var.rooms, "runs")
  with_callbacks = contains(var.rooms, "callbacks")
  with_batches   = contains(var.rooms, "batches")
  with_budgets   = contains(var.rooms, "budgets")
  with_bills     = contains(var.rooms, "bills")
  with_limits    = contains(var.rooms, "limits")

  # name => the action that is counted and the labels that are taken from its line
  counters = merge({
    requests     = { action = "request.finished", labels = ["status", "reason", "cache", "target"] }
    calls        = { action = "provider.called", labels = ["target", "outcome"] }
    parkings     = { action = "request.parked", labels = ["target", "reason"] }
    dead_letters = { action = "deadletter.published", labels = ["reason"] }
    sweeps       = { action = "sweep.finished", labels = [] }
    }, !local.with_budgets ? {} : {
    budgets_low = { action = "budget.low", labels = ["scope", "period"] }
    budgets_out = { action = "budget.exhausted", labels = ["scope", "period"] }
    }, !local.with_bills ? {} : {
    bills_unexplained = { action = "bill.unexplained", labels = ["account"] }
    bills_unread      = { action = "bill.unread", labels = ["account"] }
    }, !local.with_limits ? {} : {
    throttled = { action = "limit.throttled", labels = ["scope"] }
    }, !local.with_callbacks ? {} : {
    callbacks     = { action = "callback.attempted", labels = ["outcome"] }
    endpoints_off = { action = "endpoint.switched_off", labels = ["tenant", "endpoint"] }
    }, !local.with_runs ? {} : {
    runs       = { action = "run.finished", labels = ["status", "reason"] }
    run_starts = { action = "run.started", labels = [] }
    runs_out   = { action = "run.out_of_budget", labels = [] }
  }, { for name, counter in local.of_batches : name => counter if local.with_batches })

  of_batches = {
    batches_stuck    = { action = "batch.unreachable", labels = [] }
    batches_stranded = { action = "batch.stranded", labels = [] }
    piles_stranded   = { action = "pile.stranded", labels = [] }
    batches_late     = { action = "batch.escalated", labels = [] }
    batches_failed   = { action = "batch.failed", labels = ["reason"] }
    batches_out      = { action = "batch.created", labels = ["target"] }
    batches_closed   = { action = "batch.closed", labels = ["target"] }
    lanes            = { action = "request.finished", labels = ["lane"] }
  }

  # name => the action, the field whose values are kept as a distribution, its unit, the bounds of its buckets
  distributions = merge({
    latency  = { action = "request.finished", field = "total_ms", unit = "ms", labels = ["cache"], scale = 10, growth = 1.5, buckets = 40 }
    cost     = { action = "request.finished", field = "cost_usd", unit = "USD", labels = ["model"], scale = 0.000001, growth = 2, buckets = 30 }
    call     = { action = "provider.called", field = "ms", unit = "ms", labels = ["target"], scale = 10, growth = 1.5, buckets = 40 }
    oldest   = { action = "sweep.finished", field = "oldest_open_s", unit = "s", labels = [], scale = 1, growth = 1.5, buckets = 35 }
    woken    = { action = "sweep.finished", field = "woken", unit = "1", labels = [], scale = 1, growth = 2, buckets = 20 }
    stubborn = { action = "sweep.finished", field = "stubborn", unit = "1", labels = [], scale = 1, growth = 2, buckets = 20 }
    parked_s = { action = "request.parked", field = "wait_s", unit = "s", labels = ["target"], scale = 1, growth = 1.5, buckets = 35 }
    }, !local.with_limits ? {} : {
    turns = { action = "limit.turns", field = "woken", unit = "1", labels = ["scope"], scale = 1, growth = 2, buckets = 20 }
    }, !local.with_batches ? {} : {
    batch_members = { action = "batch.sealed", field = "members", unit = "1", labels = ["target"], scale = 1, growth = 2, buckets = 20 }
    lane_saved    = { action = "request.finished", field = "saved_by_lane_usd", unit = "USD", labels = ["lane"], scale = 0.000001, growth = 2, buckets = 30 }
    }, !local.with_runs ? {} : {
    run_s       = { action = "run.finished", field = "seconds", unit = "s", labels = ["status"], scale = 1, growth = 1.5, buckets = 40 }
    run_usd     = { action = "run.finished", field = "cost_usd", unit = "USD", labels = ["status"], scale = 0.0001, growth = 2, buckets = 30 }
    page_ok     = { action = "page.closed", field = "ok", unit = "1", labels = [], scale = 1, growth = 1.5, buckets = 15 }
    page_failed = { action = "page.closed", field = "failed", unit = "1", labels = [], scale = 1, growth = 1.5, buckets = 15 }
    run_silent  = { action = "run.waiting", field = "silent_s", unit = "s", labels = [], scale = 60, growth = 1.5, buckets = 25 }
  })
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  project          = var.project_id
  name             = "penstock/${each.key}"
  description      = "Log lines with action ${each.value.action}."
  filter           = "${local.from_functions} AND jsonPayload.action=\"${each.value.action}\""
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }
}

resource "google_logging_metric" "distribution" {
  for_each = local.distributions

  project     = var.project_id
  name        = "penstock/${each.key}"
  description = "Values of ${each.value.field} in log lines with action ${each.value.action}."
  # A line without the number (a model without a known price) is no zero.
  filter           = "${local.from_functions} AND jsonPayload.action=\"${each.value.action}\" AND jsonPayload.${each.value.field}>=0"
  value_extractor  = "EXTRACT(jsonPayload.${each.value.field})"
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  bucket_options {
    exponential_buckets {
      scale              = each.value.scale
      growth_factor      = each.value.growth
      num_finite_buckets = each.value.buckets
    }
  }
}

locals {
  # How Cloud Monitoring spells a log-based metric in PromQL; the resource must be said, since a log metric may have several.
  log = { for name in concat(keys(local.counters), keys(local.distributions)) : name => "logging_googleapis_com:user_penstock_${name}" }
  run = "monitored_resource=\"cloud_run_revision\""
}
