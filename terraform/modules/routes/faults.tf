# What is wrong, each as a sentence => whether it is so. Neither side of an `||` is spared when the other decides: hence `try` and `can`.

locals {
  of_routes = {
    "routes.default names no route: it must be one of the aliases in routes.routes."                                    = !try(contains(keys(var.routes.routes), var.routes.default), false)
    "Every route needs at least one target."                                                                            = anytrue([for route in var.routes.routes : length(coalesce(route.targets, [])) == 0])
    "An alias must be 1 to 128 characters of A-Z a-z 0-9 . _ : / - and begin with a letter or a digit."                 = anytrue([for alias in keys(var.routes.routes) : !can(regex(local.name, alias))])
    "What reads like a key stands in an alias, or as the default: put the key into a secret, and name the secret here." = can(regex(local.key, jsonencode([var.routes.default, keys(var.routes.routes)])))
  }

  of_route = { for alias, route in var.routes.routes : alias => {
    "must choose \"order\", \"cheapest\", \"split\" or \"cascade\"."                       = route.choose != null && !try(contains(["order", "cheapest", "split", "cascade"], route.choose), false)
    "must have a patience of 0 to 2678400 seconds, which are 31 days."                     = route.patience != null && !try(route.patience >= 0 && route.patience <= 2678400, false)
    "must have a confidence above 0 and below 1."                                          = route.confidence != null && !try(route.confidence > 0 && route.confidence < 1, false)
    "has a target in lane batch: let it choose \"cheapest\", which alone keeps deadlines." = coalesce(route.choose, "order") != "cheapest" && anytrue([for target in coalesce(route.targets, []) : coalesce(target.lane, "sync") == "batch"])
    "has targets in lanes that wait alone, and keeps deadlines: add one that answers at once, for who cannot wait." = (
      length(coalesce(route.targets, [])) > 0 && alltrue([for target in coalesce(route.targets, []) : coalesce(target.lane, "sync") != "sync"]) &&
      (route.choose == "cheapest" || anytrue([for target in coalesce(route.targets, []) : coalesce(target.lane, "sync") == "batch"]))
    )
    "has a patience or a confidence, which only choose = \"cheapest\" uses: leave it out."                      = coalesce(route.choose, "order") != "cheapest" && (route.patience != null || route.confidence != null)
    "has an experiment or weights, which only choose = \"split\" uses: leave them out."                         = coalesce(route.choose, "order") != "split" && (route.experiment != null || length(coalesce(route.weights, {})) > 0)
    "splits: name its experiment, 1 to 64 characters of A-Z a-z 0-9 . _ - that begin with a letter or a digit." = coalesce(route.choose, "order") == "split" && !can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", route.experiment))
    "has an experiment that another route has too: give one of them another name."                              = route.experiment != null && length([for other in values(var.routes.routes) : 1 if other.experiment == route.experiment]) > 1
    "splits between fewer than two targets: give two a weight, or choose \"order\"."                            = coalesce(route.choose, "order") == "split" && length(coalesce(route.weights, {})) < 2
    "must have weights above 0 and at most 1000000."                                                            = anytrue([for weight in values(coalesce(route.weights, {})) : !try(weight > 0 && weight <= 1000000, false)])
    "has a weight for what is none of its targets: name a target of the route."                                 = anytrue([for name in keys(coalesce(route.weights, {})) : !contains([for target in coalesce(route.targets, []) : target.name], name)])
    "splits between targets that are one and the same: take one of them out."                                   = length(distinct([for target in coalesce(route.targets, []) : jsonencode(merge(target, { name = "" })) if contains(keys(coalesce(route.weights, {})), target.name)])) < length([for target in coalesce(route.targets, []) : 1 if contains(keys(coalesce(route.weights, {})), target.name)])
  } }

  faults = concat(
    flatten([for alias, said in local.of_route : [for sentence, wrong in merge(said, local.of_cascade[alias], local.of_similar[alias]) : "a route ${sentence}" if wrong]]),
    [for sentence, wrong in local.of_routes : sentence if wrong],
    distinct(flatten([for number, target in local.targets : [
      for sentence, wrong in merge(local.of_form[number], local.of_kept[number], local.of_access[number], local.of_engine[number]) : "${target.called} ${sentence}" if wrong
    ]])),
  )

  of_form = [for number, target in local.targets : {
    "must have a name of 1 to 128 characters of A-Z a-z 0-9 . _ : / - that begins with a letter or a digit." = !can(regex(local.name, target.name))
    "needs a provider (openai, tgi or offline), or engine = true."                                           = !target.engine && !contains(local.providers, coalesce(target.provider, "-"))
    "must have a model of 1 to 256 characters, without a space at either end."                               = !can(regex(local.model, target.model)) || try(length(target.model) > 256, true)
    "has a base_url that is no http(s) address: write one such as https://api.example.com/v1, without a password in it." = (
      target.base_url != null && !can(regex(local.address, target.base_url))
    )
    "is a tgi server and needs a base_url."                                                          = target.provider == "tgi" && target.base_url == null && !target.engine
    "must have a timeout_s above 0 and at most ${var.budget_s}: all calls of one delivery share it." = target.timeout_s != null && !try(target.timeout_s > 0 && target.timeout_s <= var.budget_s, false)
    "must have a max_concurrency that is a whole number from 1 to 10000." = target.max_concurrency != null && !try(
      target.max_concurrency >= 1 && target.max_concurrency <= 10000 && floor(target.max_concurrency) == target.max_concurrency, false
    )
    "names a price that the price book does not have: leave it out (the cost is then null), or write one of ${join(", ", local.priced)}." = (
      target.price != null && !contains(local.priced, try(replace(target.price, "/-\\d{4}-\\d{2}-\\d{2}$/", ""), "-"))
    )
    "must have max_tokens_as \"max_tokens\" or \"max_completion_tokens\", or none." = target.max_tokens_as != null && !contains(["max_tokens", "max_completion_tokens"], coalesce(target.max_tokens_as, "-"))
    "is no openai server, which alone takes max_tokens_as: leave it out."           = target.max_tokens_as != null && !local.openai[number]
    "must have a max_output that is a whole number of tokens from 1 to 10000000." = target.max_output != null && !try(
      target.max_output >= 1 && target.max_output <= 10000000 && floor(target.max_output) == target.max_output, false
    )
    "must have a service_tier as the API writes it, such as flex: a-z 0-9 _ - and at most 32 of them." = target.service_tier != null && !can(regex("^[a-z][a-z0-9_-]{0,31}$", target.service_tier))
    "is no openai server, which alone takes service_tier: leave it out."                               = target.service_tier != null && !local.openai[number]
    "is no openai server, which alone takes prompt_cache: leave it out."                               = target.prompt_cache != null && !local.openai[number]
    "is no openai server, which alone takes logprobs: leave it out."                                   = target.logprobs != null && !local.openai[number]
    "must have lane \"sync\", \"background\" or \"batch\"."                                            = target.lane != null && !contains(["sync", "background", "batch"], coalesce(target.lane, "-"))
    "has a runner, a window_s, a max_lines, a max_bytes, a min_lines, a drain, a job or a spot, which only lane batch uses: leave it out." = (
      coalesce(target.lane, "sync") != "batch" && anytrue([for value in [target.runner, target.window_s, target.max_lines, target.max_bytes, target.min_lines, target.drain, target.job, target.spot] : value != null])
    )
    "is in lane batch, which tells no logprobs: leave it out." = target.logprobs != null && coalesce(target.lane, "sync") == "batch"
    "must have runner \"openai\" or \"job\", or none."         = target.runner != null && !contains(["openai", "job"], coalesce(target.runner, "-"))
    "has runner job, which works its files off by a Cloud Run job or on Spot VMs: give it a job, projects/P/locations/R/jobs/J, or a spot, projects/P/locations/R, and a drain, gs://BUCKET." = (
      coalesce(target.runner, "-") == "job" && !(
        (target.job == null) != (target.spot == null) && can(regex("^gs://[^/]+$", target.drain)) &&
        (can(regex("^projects/[^/]+/locations/[^/]+/jobs/[^/]+$", target.job)) || can(regex("^projects/[^/]+/locations/[^/]+$", target.spot)))
      )
    )
    "has a job, a spot or a drain, which only runner job uses: leave it out." = coalesce(target.runner, "-") != "job" && coalesce(target.lane, "sync") == "batch" && (target.job != null || target.spot != null || target.drain != null)
    "must have a min_lines that is a whole number from 1 to its max_lines." = target.min_lines != null && !try(
      target.min_lines >= 1 && target.min_lines <= coalesce(target.max_lines, 5000) && floor(target.min_lines) == target.min_lines, false
    )
    "must have a window_s that is a whole number of seconds from 60 to 2678400."                = target.window_s != null && !try(target.window_s >= 60 && target.window_s <= 2678400 && floor(target.window_s) == target.window_s, false)
    "must have a max_lines that is a whole number from 1 to 50000."                             = target.max_lines != null && !try(target.max_lines >= 1 && target.max_lines <= 50000 && floor(target.max_lines) == target.max_lines, false)
    "must have a max_bytes that is a whole number from 1024 to 200000000."                      = target.max_bytes != null && !try(target.max_bytes >= 1024 && target.max_bytes <= 200000000 && floor(target.max_bytes) == target.max_bytes, false)
    "is in lane batch: give it a max_output, so that its price can be told before it is asked." = coalesce(target.lane, "sync") == "batch" && target.max_output == null
    "is in lane batch, which only an openai server has."                                        = coalesce(target.lane, "sync") == "batch" && (!local.openai[number] || target.engine)
    "is described differently than its namesake: give one of them another name."                = length(distinct([for other in local.targets : other.meant if other.name == target.name])) > 1
    "has what reads like a key in ${join(", ", [for field, value in target : field if can(regex(local.key, value)) && !contains(["called", "meant", "choose"], field)])}: put the key into a secret, and the secret's name here." = (
      can(regex(local.key, jsonencode([target.name, target.provider, target.model, target.base_url, target.secret, target.secret_version, target.auth, target.price, target.service_tier])))
    )
  }]

  of_access = [for number, target in local.targets : {
    "names a secret that is not in var.secrets: add its name there (the name, not the key itself)." = target.secret != null && !contains(var.secrets, coalesce(target.secret, "-"))
    "must have a secret_version that is latest, a number, or an alias."                             = !can(regex(local.version, target.secret_version))
    "must have auth \"key\", \"id_token\" or \"access_token\"."                                     = !contains(["key", "id_token", "access_token"], coalesce(target.auth, "key"))
    "needs a secret, or auth = \"id_token\" for a private Cloud Run service, or auth = \"access_token\" for Google's own models." = (
      target.provider == "openai" && target.secret == null && !target.engine && !local.by_identity[number] && target.job == null && target.spot == null
    )
    "has a secret beside its auth: one of them is all it sends." = target.secret != null && local.by_identity[number]
    "needs a base_url for its auth."                             = target.base_url == null && local.by_identity[number]
    "must have a base_url of Google's, https://….googleapis.com/…, without a query: an access token goes nowhere else." = (
      target.auth == "access_token" && target.base_url != null && !can(regex(local.google, target.base_url))
    )
    "has auth \"access_token\", which Google's OpenAI-compatible endpoint alone takes: its provider must be openai." = target.auth == "access_token" && target.provider != "openai"
  }]

  of_engine = [for target in local.targets : !target.engine ? {} : {
    "has engine = true, which fills in provider, base_url, secret, auth and scales_to_zero: leave them out." = anytrue([for value in [target.provider, target.base_url, target.secret, target.auth, target.scales_to_zero] : value != null])
    "has engine = true, but there is no engine: set var.engine, or take the target out."                     = var.engine == null
    "must name the model that the engine serves: it answers 404 to any other."                               = try(target.model != var.engine.model, false)
    "may be asked handler.max_instances (${var.handler_instances}) x max_concurrency (200 unless set) times at once, more than the engine takes (its max_instances x concurrency): the rest gets 429. Lower one of the two, or enlarge the engine." = try(
      var.handler_instances * coalesce(target.max_concurrency, 200) > var.engine.capacity, false
    )
  }]
}
