# Budgets: off unless functions.budgets is set; an empty list switches them on and leaves them to `penstock budget set`.

locals {
  budgets = var.functions.budgets == null ? "off" : length(var.functions.budgets) == 0 ? "on" : jsonencode([for budget in var.functions.budgets : { for name, value in budget : name => value if value != null }])

  # What is switched on beyond the core, whether or not it has a function of its own.
  switched_on = setunion(
    var.functions.rooms,
    var.functions.budgets == null ? [] : ["budgets"],
    var.functions.limits == null ? [] : ["limits"],
    module.routes.dimension == null ? [] : ["similar"],
  )
}
