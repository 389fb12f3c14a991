# Addresses of installations made before functions were entries of a map: nothing is made anew.

moved {
  from = module.handler
  to   = module.function["handler"]
}

moved {
  from = module.responder
  to   = module.function["responder"]
}

moved {
  from = module.sweeper
  to   = module.function["sweeper"]
}

moved {
  from = module.function["handler"].google_service_account.this
  to   = google_service_account.function["handler"]
}

moved {
  from = module.function["responder"].google_service_account.this
  to   = google_service_account.function["responder"]
}

moved {
  from = module.function["sweeper"].google_service_account.this
  to   = google_service_account.function["sweeper"]
}

moved {
  from = google_cloud_scheduler_job.sweeper
  to   = google_cloud_scheduler_job.this["sweeper"]
}

moved {
  from = module.requests
  to   = module.topic["requests"]
}

moved {
  from = module.responses
  to   = module.topic["responses"]
}
