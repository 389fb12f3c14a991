locals {
  charts = concat([
    { title = "Requests finished, per second", unit = "1/s", lines = {
      "{{status}}" = "sum by (status) (rate(${local.log.requests}{${local.run}}[5m]))"
    } },
    { title = "Answered from the cache", unit = "share", lines = {
      "hit or coalesced" = "sum(rate(${local.log.requests}{${local.run},cache=~\"hit|coalesced|similar\"}[10m])) / sum(rate(${local.log.requests}{${local.run}}[10m]))"
    } },
    { title = "Cost of model calls, per hour", unit = "USD", lines = {
      "{{model}}" = "sum by (model) (increase(${local.log.cost}_sum{${local.run}}[1h]))"
    } },
    { title = "Latency, publish to result", unit = "ms", lines = {
      "p50" = "histogram_quantile(0.50, sum by (le) (increase(${local.log.latency}_bucket{${local.run}}[10m])))"
      "p95" = "histogram_quantile(0.95, sum by (le) (increase(${local.log.latency}_bucket{${local.run}}[10m])))"
      "p99" = "histogram_quantile(0.99, sum by (le) (increase(${local.log.latency}_bucket{${local.run}}[10m])))"
    } },
    { title = "Age of the oldest unfinished request", unit = "s", lines = {
      "oldest" = "sum(increase(${local.log.oldest}_sum{${local.run}}[5m])) / sum(increase(${local.log.oldest}_count{${local.run}}[5m]))"
    } },
    { title = "Woken by the sweeper, per minute; stubborn: not for the first time", unit = "1/min", lines = {
      "woken"    = "sum(rate(${local.log.woken}_sum{${local.run}}[5m])) * 60"
      "stubborn" = "sum(rate(${local.log.stubborn}_sum{${local.run}}[5m])) * 60"
    } },
    # Little's law: calls per second times seconds per call is what was in flight, which on an engine is its batch.
    { title = "Batch size: model calls in flight", unit = "", lines = {
      "{{target}}" = "sum by (target) (rate(${local.log.call}_sum{${local.run}}[5m])) / 1000"
    } },
    { title = "Model calls by outcome, per second", unit = "1/s", lines = {
      "{{target}} {{outcome}}" = "sum by (target, outcome) (rate(${local.log.calls}{${local.run}}[5m]))"
    } },
    { title = "Parkings, per minute", unit = "1/min", lines = {
      "{{target}} {{reason}}" = "sum by (target, reason) (rate(${local.log.parkings}{${local.run}}[5m])) * 60"
    } },
    { title = "Dead letters, per hour", unit = "", lines = {
      "{{reason}}" = "sum by (reason) (increase(${local.log.dead_letters}{${local.run}}[1h]))"
    } },
    { title = "Instances", unit = "", lines = {
      "{{service_name}} {{state}}" = "sum by (service_name, state) (run_googleapis_com:container_instance_count{${local.run}})"
    } },
    { title = "Oldest message not yet acknowledged", unit = "s", lines = {
      "{{subscription_id}}" = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\"})"
    } },
    ], !local.with_batches ? [] : [
    { title = "Requests finished by lane, per second", unit = "1/s", lines = {
      "{{lane}}" = "sum by (lane) (rate(${local.log.lanes}{${local.run},lane!=\"\"}[10m]))"
    } },
    { title = "Saved by lanes, per hour", unit = "USD", lines = {
      "{{lane}}" = "sum by (lane) (increase(${local.log.lane_saved}_sum{${local.run}}[1h]))"
    } },
    { title = "Batches sent, ended and called back, per hour", unit = "", lines = {
      "sent to {{target}}"  = "sum by (target) (increase(${local.log.batches_out}{${local.run}}[1h]))"
      "ended of {{target}}" = "sum by (target) (increase(${local.log.batches_closed}{${local.run}}[1h]))"
      "called back"         = "sum(increase(${local.log.batches_late}{${local.run}}[1h]))"
    } },
    { title = "Requests of one batch", unit = "", lines = {
      "mean of {{target}}" = "sum by (target) (increase(${local.log.batch_members}_sum{${local.run}}[1h])) / sum by (target) (increase(${local.log.batch_members}_count{${local.run}}[1h]))"
    } },
    ], !local.with_runs ? [] : [
    { title = "Runs begun, paused for want of budget, and ended, per hour", unit = "", lines = {
      "begun"         = "sum(increase(${local.log.run_starts}{${local.run}}[1h]))"
      "out of budget" = "sum(increase(${local.log.runs_out}{${local.run}}[1h]))"
      "{{status}}"    = "sum by (status) (increase(${local.log.runs}{${local.run}}[1h]))"
    } },
    { title = "Rows of closed pages, per second", unit = "1/s", lines = {
      "right"  = "sum(rate(${local.log.page_ok}_sum{${local.run}}[10m]))"
      "failed" = "sum(rate(${local.log.page_failed}_sum{${local.run}}[10m]))"
    } },
    { title = "Runs: seconds from begin to end, and cost in USD per hour", unit = "", lines = {
      "p50 s"        = "histogram_quantile(0.50, sum by (le) (increase(${local.log.run_s}_bucket{${local.run}}[1h])))"
      "p95 s"        = "histogram_quantile(0.95, sum by (le) (increase(${local.log.run_s}_bucket{${local.run}}[1h])))"
      "USD per hour" = "sum(increase(${local.log.run_usd}_sum{${local.run}}[1h]))"
    } },
    ], var.engine == null ? [] : [
    { title = "Engine: requests at once, per instance", unit = "", lines = {
      "p95" = "histogram_quantile(0.95, sum by (le) (increase(run_googleapis_com:container_max_request_concurrencies_bucket{${local.run},service_name=\"${var.engine}\"}[10m])))"
    } },
    { title = "Engine: GPU busy", unit = "share", lines = {
      "mean" = "sum(increase(run_googleapis_com:container_gpu_utilizations_sum{${local.run},service_name=\"${var.engine}\"}[10m])) / sum(increase(run_googleapis_com:container_gpu_utilizations_count{${local.run},service_name=\"${var.engine}\"}[10m]))"
    } },
  ])
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "Penstock ${var.environment}"
    mosaicLayout = {
      columns = 12
      tiles = [for i, chart in local.charts : {
        xPos   = i % 3 * 4
        yPos   = floor(i / 3) * 4
        width  = 4
        height = 4
        widget = {
          title = chart.title
          xyChart = {
            yAxis = { label = chart.unit }
            dataSets = [for legend, query in chart.lines : {
              plotType        = "LINE"
              legendTemplate  = legend
              timeSeriesQuery = { prometheusQuery = query }
            }]
          }
        }
      }]
    }
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.distribution]
}
