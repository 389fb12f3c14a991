# What makes this environment: a few values. The three main.tf are the same but for literals; everything of your own is in variables.
module "penstock" {
  source      = "../../modules/platform"
  environment = "prod"

  project_id         = var.project_id
  region             = var.region
  routes             = var.routes
  secrets            = var.secrets
  publishers         = var.publishers
  response_consumers = var.response_consumers
  engine             = var.engine

  functions = {
    bundle         = var.bundle
    peak_in_flight = 800
    paused         = var.paused
    rooms          = []
    traces         = null
    shapes         = { handler = { min_instances = 0, max_instances = 20 } }
  }

  data = merge(var.data, {
    pipelines              = { for name, path in try(var.data.pipelines, {}) : name => yamldecode(file(path)) }
    protected              = true
    point_in_time_recovery = true
  })

  operations = merge({ alerts = ["dead-letters", "error-ratio", "gpu-awake", "latency-p95", "oldest-open", "run-failed", "run-out-of-budget", "run-silent", "spend", "sweeper-absent", "undeliverable"] }, var.operations, {
    thresholds = merge({ oldest_open_s = 3600, usd_per_hour = 10 }, try(var.operations.thresholds, {}))
  })

  delivery = var.delivery == null ? null : {
    state_bucket = var.delivery.state_bucket
    repository   = var.delivery.repository
    approval     = true
  }
}
