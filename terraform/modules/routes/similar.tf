# Similar questions' answers: who embeds, verifies and judges. As functions/penstock/targets: similarity.py, similar_faults.py.

locals {
  similar = { for alias, route in var.routes.routes : alias => route.similar == null ? null : { for field, given in route.similar : field => given if given != null } }

  alike      = { for alias, route in var.routes.routes : alias => route.similar if route.similar != null }
  dimensions = distinct([for similar in values(local.alike) : coalesce(similar.dimension, 1536)])
  at_once    = [for target in local.targets : coalesce(target.name, "-") if coalesce(target.lane, "sync") == "sync"]
  embedders  = [for number, target in local.targets : coalesce(target.name, "-") if local.openai[number] && coalesce(target.lane, "sync") == "sync"]

  of_similar = { for alias, route in var.routes.routes : alias => {
    "must have a similar.max_wrong above 0 and below 1."                                                                                         = route.similar != null && !try(route.similar.max_wrong > 0 && route.similar.max_wrong < 1, false)
    "has a similar.embedder that is no openai server of any route that answers at once: name such a target; local is for machines of one's own." = route.similar != null && !contains(local.embedders, try(coalesce(route.similar.embedder), "-"))
    "has a similar.verifier that is no target of any route that answers at once, or is its embedder: name another."                              = try(route.similar.verifier, null) != null && (!contains(local.at_once, try(coalesce(route.similar.verifier), "-")) || try(route.similar.verifier == route.similar.embedder, false))
    "has a similar.judge that is neither a route nor a target that answers at once, or is its embedder: name another."                           = try(route.similar.judge, null) != null && (!contains(concat(local.at_once, keys(var.routes.routes)), try(coalesce(route.similar.judge), "-")) || try(route.similar.judge == route.similar.embedder, false))
    "must have a similar.dimension that is a whole number from 1 to 2048: Firestore takes no longer vectors."                                    = try(route.similar.dimension, null) != null && !try(route.similar.dimension >= 1 && route.similar.dimension <= 2048 && floor(route.similar.dimension) == route.similar.dimension, false)
    "has another similar.dimension than another route: the index of all routes has one, so give them the same."                                  = route.similar != null && length(local.dimensions) > 1
    "must have a similar.audit above 0 and at most 1."                                                                                           = try(route.similar.audit, null) != null && !try(route.similar.audit > 0 && route.similar.audit <= 1, false)
    "must have a similar.cap that is a whole number from 1 to 10000: a look-up reads them all."                                                  = try(route.similar.cap, null) != null && !try(route.similar.cap >= 1 && route.similar.cap <= 10000 && floor(route.similar.cap) == route.similar.cap, false)
  } }
}

output "dimension" {
  description = "How many numbers the vectors of similar questions have; null: no route has similar answers."
  value       = try(local.dimensions[0], null)
}
