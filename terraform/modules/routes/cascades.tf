# Cascades: what each target but the last must answer. As functions/penstock/targets: cascade.py, expressions.py.

locals {
  checks = { for alias, route in var.routes.routes : alias => length(coalesce(route.checks, {})) == 0 ? null : { for target, check in route.checks : target => {
    for field, given in {
      form        = check.form
      one_of      = check.one_of
      matches     = check.matches
      json_schema = try(jsondecode(check.json_schema), null)
      likely      = check.likely
      judge       = check.judge == null ? null : { for name, value in check.judge : name => value if value != null }
    } : field => given if given != null
  } } }

  cascaded = { for alias, route in var.routes.routes : alias => coalesce(route.choose, "order") == "cascade" }
  in_turn  = { for alias, route in var.routes.routes : alias => [for target in coalesce(route.targets, []) : coalesce(target.name, "-")] }

  of_cascade = { for alias, route in var.routes.routes : alias => {
    "has checks, which only choose = \"cascade\" uses: leave them out."                                           = !local.cascaded[alias] && length(coalesce(route.checks, {})) > 0
    "is a cascade of fewer than 2 or more than 5 targets: give it 2 to 5, cheap ones first."                      = local.cascaded[alias] && (length(local.in_turn[alias]) < 2 || length(local.in_turn[alias]) > 5)
    "is a cascade with targets that are one and the same: take one of them out."                                  = local.cascaded[alias] && length(distinct([for target in coalesce(route.targets, []) : jsonencode(merge(target, { name = "" }))])) < length(local.in_turn[alias])
    "is a cascade with a target in a lane that waits: name targets that answer at once."                          = local.cascaded[alias] && anytrue([for target in coalesce(route.targets, []) : coalesce(target.lane, "sync") != "sync"])
    "has a check for what is none of its targets, or for its last one, whose answer stands: leave it out."        = local.cascaded[alias] && anytrue([for name in keys(coalesce(route.checks, {})) : !contains(try(slice(local.in_turn[alias], 0, length(local.in_turn[alias]) - 1), []), name)])
    "has no check for a target before its last, so that nobody after it is ever asked: add one."                  = local.cascaded[alias] && anytrue([for name in try(slice(local.in_turn[alias], 0, length(local.in_turn[alias]) - 1), []) : !contains(keys(coalesce(route.checks, {})), name)])
    "has a check that asks nothing: give it form = true, one_of, matches, json_schema, likely or a judge."        = anytrue([for check in values(coalesce(route.checks, {})) : !coalesce(check.form, false) && length(coalesce(check.one_of, [])) == 0 && check.matches == null && check.json_schema == null && check.likely == null && check.judge == null])
    "has a check whose one_of holds more than 100 texts, or one that is empty or has more than 200 characters."   = anytrue([for check in values(coalesce(route.checks, {})) : length(coalesce(check.one_of, [])) > 100 || anytrue([for text in coalesce(check.one_of, []) : !try(length(text) >= 1 && length(text) <= 200, false)])])
    "has a check whose matches is no regular expression of 1 to 200 characters, without a look around or back."   = anytrue([for check in values(coalesce(route.checks, {})) : check.matches != null && !try(length(check.matches) >= 1 && length(check.matches) <= 200 && can(regexall(check.matches, "")), false)])
    "has a check whose json_schema is no JSON object: write jsonencode({ … })."                                   = anytrue([for check in values(coalesce(route.checks, {})) : check.json_schema != null && !can(keys(jsondecode(check.json_schema)))])
    "has a check whose likely is not above 0 and below 1."                                                        = anytrue([for check in values(coalesce(route.checks, {})) : check.likely != null && !try(check.likely > 0 && check.likely < 1, false)])
    "has a check of how likely an answer is for a target that does not say it: give the target logprobs = true."  = anytrue([for target in coalesce(route.targets, []) : try(route.checks[target.name].likely, null) != null && !coalesce(target.logprobs, false)])
    "has a judge that is no target of any route, or is in a lane that waits: name a target that answers at once." = anytrue([for check in values(coalesce(route.checks, {})) : check.judge != null && !contains([for target in local.targets : target.name if coalesce(target.lane, "sync") == "sync"], try(check.judge.target, "-"))])
    "has a judge that is the very target that it judges: models like what they wrote, so name another."           = anytrue([for name, check in coalesce(route.checks, {}) : try(check.judge.target == name, false)])
    "has a judge whose at_least is no whole number from 1 to 10, or whose about has more than 2000 characters."   = anytrue([for check in values(coalesce(route.checks, {})) : check.judge != null && !try(check.judge.at_least >= 1 && check.judge.at_least <= 10 && floor(check.judge.at_least) == check.judge.at_least && length(coalesce(check.judge.about, "-")) <= 2000, false)])
  } }
}
