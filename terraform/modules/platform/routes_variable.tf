variable "routes" {
  description = <<-EOT
    Which model answers. `default`: the route of requests that name none. `routes`: alias => `targets` in the order they are asked; with `fallback` the next one is asked when one fails in a way that another may not.
    A target: `name`; `provider` openai (any OpenAI-compatible URL), tgi or offline; `model` as that API names it; `base_url` (null: the provider's own); `secret`: one of var.secrets, with `secret_version` ("latest" follows a rotation).
    `engine = true`: our own engine; provider, base_url and access are filled in. `timeout_s` of one call. `max_concurrency`: calls at once per handler instance. `price`: its entry in the price book, when not the model's name. `max_tokens_as`: max_tokens or max_completion_tokens, the name by which an openai server takes the limit of an answer, when its address and model do not tell.
  EOT
  type = object({
    default = string
    routes = map(object({
      fallback = optional(bool, false)
      targets = list(object({
        name            = string
        provider        = optional(string)
        model           = string
        base_url        = optional(string)
        secret          = optional(string)
        secret_version  = optional(string, "latest")
        engine          = optional(bool, false)
        timeout_s       = optional(number)
        max_concurrency = optional(number)
        price           = optional(string)
        max_tokens_as   = optional(string)
      }))
    }))
  })
  nullable = false

  validation {
    condition     = contains(keys(var.routes.routes), var.routes.default)
    error_message = "routes.default is \"${var.routes.default}\", which is no route; it must be one of: ${join(", ", keys(var.routes.routes))}."
  }
  validation {
    condition     = alltrue([for r in values(var.routes.routes) : length(r.targets) > 0])
    error_message = "Every route needs at least one target."
  }
  validation {
    condition     = alltrue([for t in flatten(values(var.routes.routes)[*].targets) : t.secret == null || contains(var.secrets, coalesce(t.secret, "-"))])
    error_message = "A target's secret is not in var.secrets: ${join(", ", setsubtract([for t in flatten(values(var.routes.routes)[*].targets) : t.secret if t.secret != null], var.secrets))}. Add it there (the name, not the key itself)."
  }
  validation {
    condition     = alltrue([for t in flatten(values(var.routes.routes)[*].targets) : t.engine ? (t.provider == null && t.base_url == null && t.secret == null) : contains(["openai", "tgi", "offline"], coalesce(t.provider, "-"))])
    error_message = "Every target needs a provider (openai, tgi or offline), or engine = true and then no provider, base_url or secret of its own."
  }
  validation {
    condition     = alltrue([for t in flatten(values(var.routes.routes)[*].targets) : t.max_tokens_as == null || (contains(["max_tokens", "max_completion_tokens"], coalesce(t.max_tokens_as, "-")) && coalesce(t.provider, "-") == "openai")])
    error_message = "A target's max_tokens_as must be max_tokens or max_completion_tokens, and only a target with provider openai has one."
  }
  validation {
    condition     = alltrue([for t in flatten(values(var.routes.routes)[*].targets) : t.timeout_s == null || try(t.timeout_s > 0 && t.timeout_s <= module.timing.timing.provider_budget_s, false)])
    error_message = "A target's timeout_s must be above 0 and at most ${module.timing.timing.provider_budget_s}: all calls of one delivery share that budget."
  }
  validation {
    condition     = var.engine != null || !anytrue([for t in flatten(values(var.routes.routes)[*].targets) : t.engine])
    error_message = "A target says engine = true, but there is no engine: set var.engine, or take the target out."
  }
  validation {
    condition     = var.engine == null || alltrue([for t in flatten(values(var.routes.routes)[*].targets) : !t.engine || t.model == try(var.engine.model, "")])
    error_message = "A target of the engine must name the model the engine serves (\"${try(var.engine.model, "")}\"): it answers 404 to any other."
  }
  validation {
    condition     = var.engine == null || alltrue([for t in flatten(values(var.routes.routes)[*].targets) : !t.engine || var.functions.handler.max_instances * coalesce(t.max_concurrency, 200) <= local.engine_capacity])
    error_message = "Up to handler.max_instances (${var.functions.handler.max_instances}) x the engine target's max_concurrency (200 unless set) calls would meet an engine that takes ${local.engine_capacity} (its max_instances x concurrency): the rest gets 429. Lower the target's max_concurrency or the handler's max_instances, or enlarge the engine."
  }
}

locals {
  engine_capacity = var.engine == null ? 0 : try(var.engine.max_instances, 1) * try(var.engine.concurrency, 0)
}
