# The alerts of what may be switched off: they are there with it.

locals {
  alerts_of_rooms = [!local.with_budgets ? {} : {
    budget-low = {
      query    = "sum by (scope, period) (increase(${local.log.budgets_low}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "Over 80 % of a budget is spent or held. `penstock budget list` says of which and how much is left; `penstock spend --by model` says what it went to; `penstock budget set` raises it."
    }
    budget-exhausted = {
      query    = "sum by (scope, period) (increase(${local.log.budgets_out}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "CRITICAL"
      text     = "A budget lets calls no longer start: they wait for its next period, or fail with budget_exhausted where it says so. Nothing is lost; `penstock budget set` raises it and wakes them."
    }
    }, !local.with_bills ? {} : {
    bill-unexplained = {
      query    = "sum by (account) (increase(${local.log.bills_unexplained}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "Over 0.5 % of a day's bill has no explanation. `penstock reconcile --day DAY` shows by model what was counted and what every difference is; docs/money.md says what each of them means."
    }
    bill-unread = {
      query    = "sum by (account) (increase(${local.log.bills_unread}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A day's bill could not be compared; the log line with action bill.unread says why. Has the secret penstock-bill-NAME a version, may that key see figures, is the account shared? `penstock reconcile --day DAY` does it afterwards."
    }
    }, !local.with_limits ? {} : {
    limit-throttled = {
      query    = "sum by (scope) (increase(${local.log.throttled}{${local.run}}[10m])) > 5"
      for_s    = 0
      severity = "WARNING"
      text     = "A provider says 429 again and again although its shared limit is kept: its own limit is lower than functions.limits says, or somebody else calls with the same key. Nothing is lost; less of the limit is used by itself."
    }
    }, !local.with_batches ? {} : {
    batch-stuck = {
      query    = "sum(increase(${local.log.batches_stuck}{${local.run}}[30m])) > 0"
      for_s    = 600
      severity = "CRITICAL"
      text     = "A batch that is out cannot be asked after. `penstock batches list` shows which; the log lines with action batch.unreachable say why. Is the key of another project, has the provider an outage?"
    }
    batch-stranded = {
      query    = "sum(increase(${local.log.batches_stranded}{${local.run}}[1h])) > 0 or sum(increase(${local.log.piles_stranded}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "CRITICAL"
      text     = "No route has the target of a batch any more, or of requests that wait for one: what it has answered is paid and nobody can collect it, and who waits is asked at once when their time comes. Put the target back into functions.routes until `penstock batches list` shows none of it (the log lines with action batch.stranded or pile.stranded say of whom)."
    }
    batch-escalations = {
      query    = "sum(increase(${local.log.batches_late}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "Batches were called back because their time was up: who got no line was asked at once, at list price. The provider is slower than its past; the rule learns it."
    }
    batch-refused = {
      query    = "sum(increase(${local.log.batches_failed}{${local.run}}[1h])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A provider refused a batch, or failed it as a whole (token_limit_exceeded: more is enqueued than the account may have). The log line's reason has the code; members wait for a smaller one, or are asked at once."
    }
    }, !local.with_callbacks ? {} : {
    endpoint-off = {
      query    = "sum by (endpoint) (increase(${local.log.endpoints_off}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "An endpoint of callbacks was switched off: it answered 410, or failed for five days. What it is owed waits for three days. `penstock endpoint list` says why; mend it, `penstock endpoint test`, `penstock endpoint enable`."
    }
    }, !local.with_runs ? {} : {
    run-failed = {
      query    = "sum(increase(${local.log.runs}{${local.run},status=\"failed\"}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A run has ended without its answers. The label reason says why: too_many_failures is its pipeline's own tolerance, deadline_exceeded its time, malformed its items, reduce_stuck a limit to raise. Look: `penstock run show RUN`; `penstock run redrive RUN` asks again about what failed, and about nothing else."
    }
    run-out-of-budget = {
      query    = "sum(increase(${local.log.runs_out}{${local.run}}[10m])) > 0"
      for_s    = 0
      severity = "WARNING"
      text     = "A run's own budget does not hold its next page: it has paused itself, and its deadline goes on passing. `penstock run show RUN` says what the page may cost and what is left; `penstock run resume RUN --budget USD` raises it and goes on. The log lines with action run.out_of_budget say which run."
    }
    run-silent = {
      query    = "histogram_quantile(0.99, sum by (le) (increase(${local.log.run_silent}_bucket{${local.run}}[30m]))) > ${var.thresholds.run_silent_s}"
      for_s    = 0
      severity = "WARNING"
      text     = "Nothing of a run has moved for long, though the sweeper wakes it. Paused (`penstock runs`)? Are its members put aside (action request.parked), or does run-handler fail? The log lines with action run.waiting say which run."
    }
    }, var.engine == null ? {} : {
    gpu-awake = {
      query    = "sum(run_googleapis_com:container_instance_count{${local.run},service_name=\"${var.engine}\"}) > 0"
      for_s    = var.thresholds.gpu_awake_h * 3600
      severity = "WARNING"
      text     = "The engine has not slept for ${var.thresholds.gpu_awake_h} hours and is billed by the second. Steady work is fine (compare `penstock tune recommend`); else something keeps it awake: min_instances, or a client that polls."
    }
  }]
}
