output "request_topic" {
  description = "Where requests are published."
  value       = module.topic["requests"].id
}

output "response_topic" {
  description = "Where results are published."
  value       = module.topic["responses"].id
}

output "consumer_subscriptions" {
  description = "Consumer => the subscription it pulls results from."
  value       = module.topic["responses"].consumer_subscriptions
}

output "dead_letters" {
  description = "The pull subscription of dead letters, and the bucket of their archive."
  value       = { subscription = module.dead_letters.subscription, archive = module.dead_letters.archive }
}

output "environment" {
  description = "The functions' environment: what a shell needs to run the operator's command against this installation. It names secrets and holds none."
  value       = local.environment
}

output "secrets" {
  description = "Provider key => the secret that waits for its value."
  value       = module.secrets.ids
}

output "warehouse" {
  description = "BigQuery dataset with the views results and daily_cost."
  value       = module.warehouse.dataset
}

output "indexes" {
  description = "What Firestore can be asked for."
  value       = module.store.indexes
}

output "deployer" {
  description = "Identity of cloudbuild.yaml; null without delivery."
  value       = try(one(module.delivery).deployer, null)
}

output "known" {
  description = "Every name that the settings below may have, so that a misspelt one can be refused instead of ignored."
  value = merge(module.routes.known, {
    consumer   = try(keys(values(var.response_consumers)[0]), [])
    data       = keys(var.data)
    operations = keys(var.operations)
    thresholds = keys(var.operations.thresholds)
    budget     = try(keys(var.operations.budget), [])
    feeds      = keys(var.data.feeds)
    console    = try(keys(var.operations.console), [])
  })
}
