# A workflow that begins runs and waits for them: off unless functions.workflow is set. It needs runs, and callbacks to be told.

locals {
  # The address of an execution names its project by id or by number.
  workflows = var.functions.workflow == null ? "off" : join(",", compact([var.project_id, var.functions.workflow.project_number]))
}

module "workflow" {
  source = "../workflow"
  count  = var.functions.workflow == null ? 0 : 1

  project_id   = module.project.project_id
  region       = var.region
  name         = local.workflow_name
  runs_topic   = local.topics.runs
  database     = module.store.database
  notify_topic = var.functions.workflow.notify_topic
  answerer     = local.members["callbacks"]
  protected    = var.data.protected
}
