"""Each step of a request's life changes what it must and keeps what it must."""

from __future__ import annotations

from penstock.errors import Reason
from penstock.leases.lease import Lease
from penstock.messages.envelope import Envelope
from penstock.messages.request import CacheMode, Request
from penstock.messages.result import Cost, Failure, Timings
from penstock.paths import time_of
from penstock.requests import transitions
from penstock.requests.record import Attempt, State
from penstock.timing import Timing
from tests.unit.requests.records import NOW, after, failed, record

TIMING = Timing()
REQUEST = Request(
    tenant="t",
    request_id="r",
    messages=(),
    model=None,
    params={},
    cache=CacheMode.AUTO,
    deadline=after(3600),
    metadata={"k": "v"},
    payload_sha256="aa",
)


def test_a_fresh_request_has_fence_one_and_is_open() -> None:
    envelope = Envelope(b"{}", {"traceparent": "00-x"}, "m1", NOW, "s")
    fresh = transitions.fresh(REQUEST, envelope, None, 0, NOW)
    assert (fresh.fence, fresh.payload, fresh.traceparent) == (1, b"{}", "00-x")
    assert fresh.open_since is not None


def test_taking_over_grows_the_fence_and_counts_the_call_of_unknown_outcome() -> None:
    old = record(attempts=(Attempt(3, "a", NOW),), calls=1)
    taken = transitions.taken_over(old)
    assert (taken.fence, taken.takeovers, taken.attempts[-1].outcome) == (4, 1, "unknown")
    assert taken.message_id == old.message_id  # the original message id is kept


def test_parking_never_waits_beyond_the_deadline_and_starts_at_the_first_target() -> None:
    parked = transitions.parked(record(target_index=1, takeovers=2), after(9999))
    assert (parked.state, parked.not_before, parked.target_index) == (State.PARKED, after(3600), 0)
    assert (parked.owner, parked.lease_until, parked.takeovers, parked.parks) == (None, None, 0, 1)
    assert parked.due_at is not None
    assert time_of(parked.due_at) == after(3600)


def test_a_lease_is_due_when_the_store_must_call_it_expired() -> None:
    leased = transitions.leased(record(State.PARKED), "o", Lease.starting(NOW, 0, TIMING), TIMING)
    assert leased.due_at is not None
    assert time_of(leased.due_at) == after(66)
    assert (leased.not_before, leased.following, leased.leader) == (None, None, None)


def test_reopening_starts_every_count_anew_under_the_next_redrive_count() -> None:
    old = failed(
        confirmed_at=NOW, expires_at=after(9), tries=6, parks=4, takeovers=2, calls=9, redrive_count=1
    )
    again = transitions.reopened(old, after(50), "m9", NOW)
    assert (again.redrive_count, again.fence, again.deadline, again.message_id) == (2, 4, after(50), "m9")
    assert (again.tries, again.parks, again.takeovers, again.calls) == (0, 0, 0, 9)
    assert (again.result, again.confirmed_at, again.expires_at) == (None, None, None)
    assert again.open_since is not None


def test_a_terminal_record_is_its_own_outbox_and_may_not_be_deleted_yet() -> None:
    ended = transitions.failed(
        record(open_since="x"),
        REQUEST,
        Failure(Reason.INTERNAL, "m"),
        cache="miss",
        key=None,
        target=None,
        cost=Cost(0.0, {}),
        timings=Timings(0, 0, 0),
        now=NOW,
        timing=TIMING,
    )
    assert (ended.state, ended.owner, ended.lease_until) == (State.TERMINAL, None, None)
    assert ended.due_at is not None
    assert time_of(ended.due_at) == after(60)
    assert (ended.expires_at, ended.open_since) == (None, "x")
    assert ended.result is not None
    assert ended.result["metadata"] == {"k": "v"}


def test_confirmation_brings_a_record_to_rest() -> None:
    rest = transitions.confirmed(failed(due_at="x", open_since="x"), NOW, TIMING)
    assert (rest.due_at, rest.open_since, rest.confirmed_at) == (None, None, NOW)
    assert rest.expires_at == after(31 * 24 * 3600)
