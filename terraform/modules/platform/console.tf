# The console: off unless operations.console is given. The operators act in it, the viewers look.

locals {
  console = var.operations.console == null ? [] : ["console"]

  # Who the code believes, and who may act: IAP names people, so an operator who is a group could not be told.
  console_setting = { for name in local.console : "PENSTOCK_CONSOLE" => jsonencode({
    audience  = "/projects/${module.build.project_number}/locations/${var.region}/services/${name}"
    operators = sort([for member in var.operations.operators : trimprefix(member, "user:") if startswith(member, "user:")])
  }) }

  console_members = { for name in local.console : "our ${name}" => google_service_account.console[0].member }

  console_collections = length(local.console) == 0 ? {} : {
    audit = { name = local.collections.audit, expires = false }
    hours = { name = local.collections.hours, expires = true }
  }

  console_visitors = merge(
    { for member in var.operations.operators : "operator ${member}" => member },
    { for member in try(var.operations.console.viewers, []) : "viewer ${member}" => member },
  )
}

resource "google_service_account" "console" {
  count = length(local.console)

  project      = module.project.project_id
  account_id   = "console"
  display_name = "Penstock: runs the console"
}

module "console" {
  source = "../console"
  count  = length(local.console)

  project_id  = module.project.project_id
  region      = var.region
  identity    = google_service_account.console[0].email
  build       = merge(module.build.build, { images = module.build.images })
  runtime     = var.functions.runtime
  environment = local.environment
  visitors    = local.console_visitors
  protected   = var.data.protected
}

# Payloads are shown to operators, and read by nobody else; it writes none.
resource "google_storage_bucket_iam_member" "console" {
  count = length(local.console)

  bucket = module.store.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.console[0].member
}

resource "google_pubsub_subscription_iam_member" "console" {
  count = length(local.console)

  project      = module.project.project_id
  subscription = module.dead_letters.subscription
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.console[0].member
}

output "console" {
  description = "Where the console is opened; null when there is none."
  value       = try(module.console[0].uri, null)

  precondition {
    condition     = var.operations.console == null || alltrue([for member in var.operations.operators : startswith(member, "user:")])
    error_message = "With operations.console each of operations.operators must be a user:NAME@DOMAIN: the console is told who came, and not which groups they are in."
  }
}
