# Bills: the accounts at providers whose bills are compared with our ledger by the day. Off unless functions.rooms has "bills".

locals {
  compares = contains(var.functions.rooms, "bills")

  bills_secrets = { for name in keys(var.functions.bills) : name => "penstock-bill-${name}" }

  comparing = local.compares ? {
    PENSTOCK_BILLS = jsonencode([for name, account in var.functions.bills : merge(
      { name = name, provider = account.provider, secret = "projects/${var.project_id}/secrets/${local.bills_secrets[name]}/versions/latest" },
      account.project == null ? {} : { project = account.project },
      account.key == null ? {} : { key = account.key },
      length(account.targets) == 0 ? {} : { targets = sort(account.targets) },
    )])
  } : {}
}

# The keys that read an organization's figures: added out of band, as a provider's key is, and read by the reconciler alone.
module "bills_secrets" {
  source = "../secrets"
  count  = local.compares ? 1 : 0

  project_id = module.project.project_id
  region     = var.region
  names      = values(local.bills_secrets)
  readers    = { reconciler = local.members["bills"] }
  protected  = var.data.protected
}
