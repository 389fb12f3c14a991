"""Every duration of the protocol, stated once. Terraform states the four outer ones too; a test compares."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. `scaled` divides every one alike (PENSTOCK_TIME_SCALE, tests only)."""

    # One delivery: provider calls < our own cancellation < function timeout < ack deadline
    # (docs/design.md §3.4).
    provider_budget_s: float = 480
    self_cancel_s: float = 525
    function_timeout_s: float = 540
    ack_deadline_s: float = 600

    # The lease.
    lease_s: float = 60
    renew_every_s: float = 15
    #: A lease is expired only when the store's own clock is this far past it.
    lease_grace_s: float = 5
    #: How far two of our machines' clocks may differ before a wake comes too early for its request.
    skew_s: float = 1
    #: What must be left of the lease when a provider call starts.
    lease_reserve_s: float = 20

    # One round trip to our own services; a commit's limit stays below the renewal interval.
    commit_s: float = 8
    read_s: float = 8
    publish_s: float = 15
    blob_s: float = 30
    #: How long a delivery goes on trying to learn a write's outcome before it leaves it to the sweeper.
    settle_s: float = 40

    # Retries of provider calls (docs/design.md §3.6).
    quick_retry_s: float = 1.5
    #: The longest wait inside a delivery; anything longer parks (a waiting instance is billed).
    patience_s: float = 5
    park_min_s: float = 10
    park_max_s: float = 600
    #: Ambiguous tries are spread over at least this long, unless the deadline is sooner.
    ambiguous_span_s: float = 900
    #: A provider's Retry-After above this is not believed.
    retry_after_max_s: float = 3600

    # A self-hosted engine that scales to zero: how long it is believed to be awake after an answer, and
    # how long the others stay away while one call wakes it.
    awake_s: float = 240
    wake_s: float = 30

    #: What the look for a similar question may take of each round trip, before it counts as none.
    similar_s: float = 10

    # Followers and the sweeper.
    follow_s: float = 75
    #: A result still unconfirmed after this is published again, then with doubling back-off up to the cap.
    republish_s: float = 60
    republish_max_s: float = 3600
    sweep_s: float = 50
    #: The sweeper leaves a document this long, doubling up to `sweep_max_s`, before it wakes it again.
    sweep_again_s: float = 60
    sweep_max_s: float = 900

    # Plans: routes that say `cheapest`.
    #: What an answer at once may take, for who named no deadline.
    at_once_s: float = 60
    #: What is left between an answer and the end that was planned: save, publish, confirm.
    plan_margin_s: float = 5
    #: How often an instance reads and tells how fast the targets are, and how soon that counts half.
    speed_poll_s: float = 60
    speed_half_life_s: float = 3 * 24 * 3600

    # Budgets.
    #: How long an instance may spend what it has drawn, and how much of that must be left for a new hold.
    allotment_s: float = 300
    allotment_reserve_s: float = 10
    #: Demand that one draw covers beforehand.
    draw_ahead_s: float = 10
    #: Within how long before a day's end instances draw for the next one, each at its own moment.
    day_ahead_s: float = 60

    # Shared limits, and whose turn it is.
    #: The minute that a rate is told for.
    minute_s: float = 60
    #: How long after the start of its slot a call may start.
    slot_late_s: float = 2
    #: How lately what is booked beforehand was asked for.
    book_ahead_s: float = 1
    #: Until when turns are given in one sweep: the next one gives more before that.
    turns_ahead_s: float = 70
    #: So much before its turn somebody is woken, and so long at most a delivery waits for its turn.
    turn_lead_s: float = 2
    turn_wait_s: float = 25
    #: Who must start within this to keep the deadline goes first: a sweep, a wake and an answer.
    turn_urgent_s: float = 150
    #: Who waits for a turn looks by itself after this, doubling up to the other: should nobody wake it.
    turn_net_s: float = 900
    turn_net_max_s: float = 28_800

    # Lanes that wait.
    #: A pile goes out at the end of each stretch of this length in which something joined it, a while later:
    #: what joined in its last moment has landed by then.
    pile_s: float = 150
    pile_settle_s: float = 30
    #: How soon a call that its provider keeps is asked after, and how seldom at most.
    kept_first_s: float = 60
    kept_most_s: float = 1800
    #: Any request to such a provider but the call itself; what it may take to call one back, before somebody
    #: else is asked at once.
    kept_ask_s: float = 30
    kept_cancel_s: float = 120
    #: How often a batch is asked about, at first and at most.
    batch_poll_s: float = 60
    batch_poll_max_s: float = 600
    #: One upload, and any other call of a runner.
    batch_upload_s: float = 240
    batch_call_s: float = 30
    #: How long a create of unknown outcome is looked for before it counts as lost.
    batch_lost_s: float = 600
    #: What a provider may take to cancel a batch, and we to collect it, before the rest is asked at once.
    batch_cancel_s: float = 600
    batch_collect_s: float = 240

    # Runs.
    #: How long a run's end may stay unseen by its members' claims.
    run_poll_s: float = 10
    #: How often a run may have half as many members more under way (Firestore's 500/50/5 rule).
    ramp_s: float = 300

    # Callbacks.
    #: How long an endpoint may take to answer.
    send_s: float = 15
    #: The waits between the attempts, to which as much as a tenth is added at random
    #: (https://github.com/standard-webhooks/standard-webhooks, Deliverability and Reliability).
    send_again_s: tuple[float, ...] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    #: An endpoint that has failed for so long is switched off.
    switch_off_s: float = 5 * 24 * 3600
    #: What waits for one that is switched off looks so often whether it is on again.
    switched_off_look_s: float = 3600
    #: How long both keys sign after an endpoint got another one.
    both_keys_s: float = 24 * 3600
    #: How long the link to a long text lasts: the longest that Cloud Storage signs.
    link_s: float = 7 * 24 * 3600
    #: How long an instance believes that an endpoint is registered.
    endpoint_poll_s: float = 60
    # The door.
    #: How long a connection waits for an answer, and how often it looks at a request that somebody else works
    #: on: less and less often.
    door_patience_s: float = 480
    door_poll_s: float = 0.5
    door_poll_max_s: float = 5
    #: Signs of life in a stream, and when its status is sent.
    door_keep_alive_s: float = 10
    #: A body must be here by then.
    door_body_s: float = 60
    #: How long a key is believed: so long a revocation takes.
    door_key_s: float = 60
    #: How long a link to a long file's content is good, for whoever has it.
    door_link_s: float = 900
    #: How long a client's own retry finds what it repeats.
    door_again_s: float = 3600

    # Lifetimes.
    default_wait_s: float = 24 * 3600
    retention_s: float = 31 * 24 * 3600
    cache_s: float = 30 * 24 * 3600

    # Shutdown: Cloud Run gives 10 s after SIGTERM.
    drain_s: float = 8
    #: How long a pause may stay unseen.
    pause_poll_s: float = 5
    #: What a pause holds back looks again after as long as the pause has lasted, within these bounds.
    hold_min_s: float = 60
    hold_max_s: float = 900

    def scaled(self, by: float) -> Timing:
        """Every duration divided by `by`."""
        return replace(self, **{f.name: _divided(getattr(self, f.name), by) for f in fields(self)})


def _divided(value: Any, by: float) -> Any:
    return tuple(one / by for one in value) if isinstance(value, tuple) else value / by
