# A GPU of one's own for batches: off unless functions.drain says what it runs.

module "drain" {
  source = "../drain"
  count  = var.functions.drain == null ? 0 : 1

  project_id = module.project.project_id
  region     = coalesce(try(var.functions.drain.region, null), var.region)
  settings   = var.functions.drain
  bundle     = var.functions.bundle
  started_by = google_service_account.function["batches"].email
  protected  = var.data.protected
}
