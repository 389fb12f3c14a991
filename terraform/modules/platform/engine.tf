variable "engine" {
  description = "A self-hosted engine with a GPU, or null for none. Its settings are those of modules/engine (kind, image, model, gpu, concurrency …), with `tgi = {…}` or `vllm = {…}` for the engine's own knobs."
  type        = any
  default     = null

  # The type is the module's; here only what a conversion would swallow.
  validation {
    condition     = var.engine == null || (can(keys(var.engine)) && try(var.engine.kind, null) != null)
    error_message = "engine must be null, or an object that starts with kind = \"vllm\" or \"tgi\"; see modules/engine/variables.tf."
  }

  validation {
    condition     = !can(regex(module.routes.key, jsonencode(var.engine)))
    error_message = "What reads like a key stands in engine: no key or hub token is passed on; a model that asks for one must come from a bucket (weights_bucket)."
  }
}

module "engine" {
  source = "../engine"
  count  = var.engine == null ? 0 : 1

  project_id = module.project.project_id
  region     = try(coalesce(var.engine.region), var.region)
  settings   = var.engine
  tgi        = try(var.engine.tgi, null)
  vllm       = try(var.engine.vllm, null)
  timeout_s  = module.timing.timing.function_timeout_s
  invokers   = local.callers
  protected  = var.data.protected
}

locals {
  engine = one(module.engine)

  # Terraform drops attributes that a type does not have: a misspelt knob would silently do nothing.
  unknown = var.engine == null ? [] : concat(
    [for k in keys(var.engine) : k if !contains(local.engine.known.settings, k)],
    [for k in try(keys(var.engine.tgi), []) : "tgi.${k}" if !contains(local.engine.known.tgi, k)],
    [for k in try(keys(var.engine.vllm), []) : "vllm.${k}" if !contains(local.engine.known.vllm, k)],
  )
}

output "engine" {
  description = "Where the engine answers; null when there is none."
  value       = try(local.engine.base_url, null)

  precondition {
    condition     = length(local.unknown) == 0
    error_message = "The engine has no setting named ${join(", ", local.unknown)}: look for a slip in spelling, see modules/engine/variables.tf and knobs.tf."
  }
}
