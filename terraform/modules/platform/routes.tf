variable "routes" {
  description = "Which model answers: `default`, and `routes`: alias => its targets, see modules/routes."
  type        = any
  nullable    = false

  # The type is the module's, and so is every other refusal.
  validation {
    condition     = can(keys(var.routes.routes))
    error_message = "routes must be an object with `default` and `routes`: alias => { targets = [{ name, provider, model, … }] }; see modules/routes/variables.tf."
  }
}

module "routes" {
  source            = "../routes"
  project_id        = var.project_id
  routes            = var.routes
  secrets           = var.secrets
  handler_instances = local.shapes.handler.max_instances
  budget_s          = module.timing.timing.provider_budget_s
  engine = var.engine == null ? null : {
    kind     = try(var.engine.kind, "")
    model    = try(var.engine.model, "")
    base_url = local.engine.base_url
    capacity = try(coalesce(var.engine.max_instances), 1) * try(coalesce(var.engine.concurrency), 0)
    sleeps   = try(coalesce(var.engine.min_instances), 0) == 0
  }
}

# Google's own models have no IAM of their own: the role stands on the project, and only while a target asks one of them by identity.
resource "google_project_iam_member" "models" {
  for_each = module.routes.by_google ? local.callers : {}

  project = module.project.project_id
  role    = "roles/aiplatform.user"
  member  = each.value
}
