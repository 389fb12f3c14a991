# Without a provider: only arithmetic.

run "as_stated" {
  assert {
    condition     = output.timing.provider_budget_s < output.timing.self_cancel_s && output.timing.self_cancel_s < output.timing.function_timeout_s && output.timing.function_timeout_s < output.timing.ack_deadline_s
    error_message = "The four deadlines are not in order."
  }
  assert {
    condition     = output.timing.ack_deadline_s == 600
    error_message = "Pub/Sub's longest ack deadline is not used."
  }
}

run "null_means_the_default" {
  variables { timing = { function_timeout_s = null } }
  assert {
    condition     = output.timing.function_timeout_s == 540
    error_message = "A null from the caller must not erase the default."
  }
}

run "refuses_an_ack_deadline_below_the_function_timeout" {
  command = plan
  variables { timing = { ack_deadline_s = 500 } }
  expect_failures = [var.timing]
}

run "refuses_an_ack_deadline_that_pubsub_does_not_have" {
  command = plan
  variables { timing = { ack_deadline_s = 601 } }
  expect_failures = [var.timing]
}

run "refuses_a_function_that_ends_before_the_code_does" {
  command = plan
  variables { timing = { function_timeout_s = 525 } }
  expect_failures = [var.timing]
}

run "refuses_a_budget_longer_than_the_code_runs" {
  command = plan
  variables { timing = { provider_budget_s = 525 } }
  expect_failures = [var.timing]
}
