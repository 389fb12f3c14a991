# Callbacks: what makes the endpoints' keys, and the endpoints that are registered here. Off unless functions.rooms has "callbacks".

locals {
  calls_back = contains(var.functions.rooms, "callbacks")

  calling_back = local.calls_back ? {
    PENSTOCK_CALLBACKS_TOPIC     = local.topics.callbacks
    PENSTOCK_CALLBACKS_SIGNED_BY = "projects/${var.project_id}/secrets/${local.callbacks_secret}/versions/latest"
    PENSTOCK_WORKFLOWS           = local.workflows
  } : {}

  endpoints = { for name, endpoint in var.functions.endpoints : name => merge(endpoint, {
    tenant = length(split("/", name)) == 2 ? split("/", name)[0] : "default"
    name   = reverse(split("/", name))[0]
  }) }
}

# The one master secret. Its value is added out of band, as a provider's key is; an operator reads it to tell an endpoint's owner the key.
module "callbacks_secret" {
  source = "../secrets"
  count  = local.calls_back ? 1 : 0

  project_id = module.project.project_id
  region     = var.region
  names      = [local.callbacks_secret]
  readers    = merge({ courier = local.members["callbacks"] }, local.operators)
  protected  = var.data.protected
}

# On Google Cloud no private key is at hand: the courier asks IAM to sign the links to long answers, in its own name and in no other.
resource "google_service_account_iam_member" "signs_links" {
  count = local.calls_back ? 1 : 0

  service_account_id = google_service_account.function["callbacks"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.members["callbacks"]
}

# What the courier finds of an endpoint it writes beside it (reach), so that nothing of this changes by itself.
resource "google_firestore_document" "endpoint" {
  for_each = local.endpoints

  project     = module.project.project_id
  database    = module.store.database
  collection  = "tenants/${each.value.tenant}/${local.collections.endpoints}"
  document_id = each.value.name
  fields = jsonencode(merge(
    {
      tenant  = { stringValue = each.value.tenant }
      name    = { stringValue = each.value.name }
      url     = { stringValue = each.value.url }
      version = { integerValue = tostring(each.value.version) }
    },
    each.value.rotated_at == null ? {} : { rotated_at = { timestampValue = each.value.rotated_at } },
  ))
}
