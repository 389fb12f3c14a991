# The routes: checked at plan as the functions check them at start (functions/penstock/targets), and as they read them. No provider.
# Every fault is named at once, and none repeats a value: a key may stand where a name belongs.

locals {
  providers = ["openai", "tgi", "offline"]

  # As functions/penstock/targets: routes.py, address.py, access.py.
  name    = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
  model   = "^\\S(.*\\S)?$"
  address = "^https?://(\\[[0-9A-Fa-f:.]+\\]|[^\\s/?#@:\\[\\]\"'<>\\\\]+)(:[0-9]{1,5})?([/?#][^\\s\"'<>\\\\]*)?$"
  google  = "^https://([a-z0-9-]+\\.)+googleapis\\.com(:443)?(/[A-Za-z0-9._~/-]*)?$"
  # A number or an alias of Secret Manager's.
  version = "^([1-9][0-9]*|[A-Za-z][A-Za-z0-9_-]{0,62})$"

  targets = flatten([for alias, route in var.routes.routes : [
    for number, target in coalesce(route.targets, []) : merge(target, {
      called = can(regex(local.name, target.name)) && !can(regex(local.key, target.name)) ? "target ${target.name}" : "a route's target number ${number + 1}"
      choose = coalesce(route.choose, "order")
      # What makes it another target than its namesake: a default is the same as what it stands for.
      meant = jsonencode(merge(target, { timeout_s = coalesce(target.timeout_s, 120), max_concurrency = coalesce(target.max_concurrency, 200), auth = coalesce(target.auth, "key"), scales_to_zero = coalesce(target.scales_to_zero, false), lane = coalesce(target.lane, "sync") }))
    })
  ]])

  by_identity = [for target in local.targets : contains(["id_token", "access_token"], coalesce(target.auth, "key"))]

  openai = [for target in local.targets : target.engine ? try(var.engine.kind, "") != "tgi" : coalesce(target.provider, "-") == "openai"]

  batched = anytrue([for target in local.targets : coalesce(target.lane, "sync") == "batch"])

  by_google = [for target in local.targets : target if target.auth == "access_token"]
}

output "routes" {
  description = "The routes as the code reads them: a secret by its full name, the engine by its address, and nothing that was left out."
  value = {
    default = var.routes.default
    routes = { for alias, route in var.routes.routes : alias => {
      for field, given in {
        fallback   = route.choose == "cascade" && !route.fallback ? null : route.fallback
        choose     = route.choose
        patience   = route.patience
        confidence = route.confidence
        experiment = route.experiment
        weights    = route.weights
        checks     = local.checks[alias]
        similar    = local.similar[alias]
        targets = [for target in route.targets : { for name, value in {
          name            = target.name
          provider        = target.engine ? (try(var.engine.kind, "") == "tgi" ? "tgi" : "openai") : target.provider
          model           = target.model
          base_url        = target.engine ? try(var.engine.base_url, null) : target.base_url
          secret          = target.secret == null ? null : "projects/${var.project_id}/secrets/${target.secret}/versions/${target.secret_version}"
          auth            = target.engine ? "id_token" : target.auth
          scales_to_zero  = target.engine ? (try(var.engine.sleeps, false) ? true : null) : target.scales_to_zero
          timeout_s       = target.timeout_s
          max_concurrency = target.max_concurrency
          price           = target.price
          max_tokens_as   = target.max_tokens_as
          max_output      = target.max_output
          service_tier    = target.service_tier
          prompt_cache    = target.prompt_cache
          logprobs        = target.logprobs
          lane            = target.lane
          window          = target.window
          runner          = target.runner
          window_s        = target.window_s
          max_lines       = target.max_lines
          max_bytes       = target.max_bytes
          min_lines       = target.min_lines
          drain           = target.drain
          job             = target.job
          spot            = target.spot
        } : name => value if value != null }]
    } : field => given if given != null } }
  }

  precondition {
    condition     = length(local.faults) == 0
    error_message = "The functions would not start with these routes:\n${join("\n", [for fault in local.faults : "  - ${fault}"])}"
  }
}

output "by_google" {
  description = "Whether a target is one of Google's own models, which the functions' identity must be allowed to ask."
  value       = length(local.by_google) > 0
}

output "batched" {
  description = "Whether a target is in lane batch."
  value       = local.batched
}

output "known" {
  description = "Every name that routes, a route and a target may have, so that a misspelt one can be refused instead of ignored."
  value = {
    routes = keys(var.routes)
    route  = try(keys(values(var.routes.routes)[0]), [])
    target = try(keys(values(var.routes.routes)[0].targets[0]), [])
  }
}
