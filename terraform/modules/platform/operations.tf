module "monitoring" {
  source      = "../monitoring"
  project_id  = module.project.project_id
  environment = var.environment
  services    = [for function in local.functions : function.name]
  rooms       = local.switched_on
  engine      = try(local.engine.name, null)
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
  extra_roles = length(local.console) == 0 ? [] : ["roles/iap.admin"]
  accounts = merge(concat(
    [for function in module.function : function.accounts],
    [module.build.accounts, { for workflow in module.workflow : workflow.name => workflow.account }, { for account in google_service_account.console : account.account_id => account.name }, one(module.engine[*].accounts)], # null without an engine; `try` would make the whole map unknown at plan
  )...)
}
