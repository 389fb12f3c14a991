variable "routes" {
  description = <<-EOT
    Which model answers. `default`: the route of requests that name none. `routes`: alias => `targets` in the order they are asked; with `fallback` the next one is asked when one fails in a way that another may not.
    `choose` "cheapest": each request goes to the cheapest target that is likely enough to be in time, and `fallback` speaks of failures alone. `patience`: seconds that a request may take which names no deadline (null: it is answered at once). `confidence`: how likely is enough (0.95).
    `choose` "split": each request draws the target that it asks first, by the `weights` (target => how often) of the `experiment` of that name (docs/quality.md); a redelivery and a redrive stay with it.
    `choose` "cascade": the next target is asked where an answer does not pass the `checks` of its target (target => `form`, `one_of`, `matches`, `json_schema` as jsonencode makes it, `likely`, a `judge`; docs/quality.md).
    `similar`: an answer may be that of a similar question, for who asks so: `max_wrong` of them may be wrong; `embedder`, a target of any route; `dimension` (1536) of its vectors; `verifier`, a target; `judge`, a target or a route; `audit` (0.05); `cap` (2000); see docs/similar.md.
    A target: `name`; `provider` openai (any OpenAI-compatible URL), tgi or offline; `model` as that API names it; `base_url` (null: the provider's own).
    How it is let in: `secret`, one of var.secrets, with `secret_version` ("latest" follows a rotation); or `auth` "id_token" (a private Cloud Run service) or "access_token" (Google's own models), by the functions' identity and without a key.
    `engine = true`: our own engine; provider, base_url and access are filled in. `scales_to_zero`: another engine that sleeps while nobody asks.
    `timeout_s` of one call. `max_concurrency`: calls at once per handler instance. `price`: its entry in the price book, when not the model's name.
    `max_tokens_as`: max_tokens or max_completion_tokens, the name by which an openai server takes the limit of an answer, when its address and model do not tell.
    `max_output`: tokens of the longest answer where a request sets no max_tokens. `service_tier`: the tier that an openai server is asked for, such as "flex"; the tier that its answer names decides the price. `prompt_cache`: whether OpenAI itself is told which questions begin alike (docs/quality.md). `logprobs`: whether an openai server is asked how likely its words were, for a cascade's check.
    `lane` "batch": requests wait in a pile and go out many in a file (docs/lanes.md); of such a one `runner` (openai, or job: a machine of our own, see modules/drain), `window_s`, `max_lines` and `max_bytes` of a batch.
    `lane` "background": the provider keeps the call and is asked after it; `window` "2h" or "8h": what it may take, at that window's price (route: choose "cheapest").
    Of runner job: `job` (or `spot`, its files on Spot VMs) and `drain` are modules/drain's outputs; a pile of fewer than `min_lines` wakes no machine.
  EOT
  type = object({
    default = string
    routes = map(object({
      fallback   = optional(bool, false)
      choose     = optional(string)
      patience   = optional(number)
      confidence = optional(number)
      experiment = optional(string)
      weights    = optional(map(number))
      checks = optional(map(object({
        form        = optional(bool)
        one_of      = optional(list(string))
        matches     = optional(string)
        json_schema = optional(string)
        likely      = optional(number)
        judge = optional(object({
          target   = string
          at_least = number
          about    = optional(string)
        }))
      })))
      similar = optional(object({
        max_wrong = number
        embedder  = string
        dimension = optional(number)
        verifier  = optional(string)
        judge     = optional(string)
        audit     = optional(number)
        cap       = optional(number)
      }))
      targets = list(object({
        name            = string
        provider        = optional(string)
        model           = string
        base_url        = optional(string)
        secret          = optional(string)
        secret_version  = optional(string, "latest")
        auth            = optional(string)
        engine          = optional(bool, false)
        scales_to_zero  = optional(bool)
        timeout_s       = optional(number)
        max_concurrency = optional(number)
        price           = optional(string)
        max_tokens_as   = optional(string)
        max_output      = optional(number)
        service_tier    = optional(string)
        prompt_cache    = optional(bool)
        logprobs        = optional(bool)
        lane            = optional(string)
        window          = optional(string)
        runner          = optional(string)
        window_s        = optional(number)
        max_lines       = optional(number)
        max_bytes       = optional(number)
        min_lines       = optional(number)
        drain           = optional(string)
        job             = optional(string)
        spot            = optional(string)
      }))
    }))
  })
  nullable = false
}

variable "project_id" {
  description = "Project of the secrets."
  type        = string
  nullable    = false
}

variable "secrets" {
  description = "The secrets that exist, by name."
  type        = set(string)
  nullable    = false
}

variable "engine" {
  description = "Our own engine, null for none: its `kind`, `model` and `base_url`, how many calls it takes at once (`capacity`), whether it `sleeps`."
  type = object({
    kind     = string
    model    = string
    base_url = string
    capacity = number
    sleeps   = bool
  })
  default = null
}

variable "handler_instances" {
  description = "How many instances of the handler there may be: each keeps to a target's max_concurrency by itself."
  type        = number
  nullable    = false
}

variable "budget_s" {
  description = "Seconds that all calls of one delivery share, see modules/timing."
  type        = number
  nullable    = false
}
