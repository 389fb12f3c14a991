module "monitoring" {
  source      = "../monitoring"
  project_id  = module.project.project_id
  environment = var.environment
  services    = [for function in local.functions : function.name]
  engine      = try(local.engine.name, null)
  batches     = contains(var.functions.rooms, "batches")
  emails      = var.operations.emails
  alerts      = var.operations.alerts
  thresholds  = var.operations.thresholds
  budget      = var.operations.budget
}

module "delivery" {
  source = "../delivery"
  count  = var.delivery == null ? 0 : 1

  project_id  = module.project.project_id
  region      = var.region
  environment = var.environment
  settings    = var.delivery
  accounts = merge(concat(
    [for function in module.function : function.accounts],
    [module.build.accounts, one(module.engine[*].accounts)], # null without an engine; `try` would make the whole map unknown at plan
  )...)
}
