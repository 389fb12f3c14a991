# Shared limits and tenants' weights: off unless functions.limits is set.

locals {
  limits = var.functions.limits == null ? "off" : jsonencode([for limit in var.functions.limits : { for name, value in limit : name => value if value != null }])

  limited_targets = [for limit in coalesce(var.functions.limits, []) : trimprefix(limit.scope, "target:") if startswith(limit.scope, "target:")]
  known_targets   = flatten([for route in values(module.routes.routes.routes) : [for target in route.targets : target.name]])
}

output "limits" {
  description = "What all instances together keep to, as the functions are told it; `off`: nothing."
  value       = local.limits

  precondition {
    condition     = length(setsubtract(local.limited_targets, local.known_targets)) == 0
    error_message = "functions.limits: no route has the target ${join(", ", setsubtract(local.limited_targets, local.known_targets))}; there are ${join(", ", local.known_targets)}."
  }
}
