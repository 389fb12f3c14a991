output "penstock" {
  description = "Everything one needs to publish, to read and to operate; no secret among it."
  value = {
    request_topic          = module.penstock.request_topic
    response_topic         = module.penstock.response_topic
    consumer_subscriptions = module.penstock.consumer_subscriptions
    dead_letters           = module.penstock.dead_letters
    warehouse              = module.penstock.warehouse
    secrets                = module.penstock.secrets
    pipelines              = module.penstock.pipelines
    engine                 = module.penstock.engine
    deployer               = module.penstock.deployer
  }

  precondition {
    condition     = length(local.misspelt) == 0
    error_message = "There is no setting named ${join(", ", local.misspelt)}: look for a slip in spelling, see variables.tf here and in modules/platform."
  }
}

output "environment" {
  description = "Settings for the operator's command: `terraform output -json environment`."
  value       = module.penstock.environment
}
