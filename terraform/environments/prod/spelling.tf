# Terraform drops attributes that a type does not have: a misspelt one would silently do nothing. outputs.tf refuses these.

locals {
  known = module.penstock.known

  misspelt = concat(
    [for k in keys(var.routes) : "routes.${k}" if !contains(local.known.routes, k)],
    flatten([for alias, route in var.routes.routes : [for k in keys(route) : "routes.${alias}.${k}" if !contains(local.known.route, k)]]),
    flatten([for alias, route in var.routes.routes : [for t in try(route.targets, []) : [for k in keys(t) : "routes.${alias}.targets.${k}" if !contains(local.known.target, k)]]]),
    flatten([for name, consumer in var.response_consumers : [for k in keys(consumer) : "response_consumers.${name}.${k}" if !contains(local.known.consumer, k)]]),
    [for k in keys(var.data) : "data.${k}" if !contains(concat(local.known.data, ["adopt"]), k)],
    [for k in try(keys(var.data.feeds), []) : "data.feeds.${k}" if !contains(local.known.feeds, k)],
    [for k in keys(var.operations) : "operations.${k}" if !contains(local.known.operations, k)],
    [for k in try(keys(var.operations.thresholds), []) : "operations.thresholds.${k}" if !contains(local.known.thresholds, k)],
    [for k in try(keys(var.operations.console), []) : "operations.console.${k}" if !contains(local.known.console, k)],
    [for k in try(keys(var.operations.budget), []) : "operations.budget.${k}" if !contains(local.known.budget, k)],
  )
}
