"""Who believes which clock, and when."""

from __future__ import annotations

from penstock.leases.lease import Lease, is_expired
from penstock.timing import Timing
from tests.unit.requests.records import NOW, after

TIMING = Timing()


def test_whichever_clock_says_over_first_is_believed() -> None:
    lease = Lease.starting(NOW, 1000.0, TIMING)
    assert lease.remaining_s(NOW, 1000.0) == 60
    assert lease.remaining_s(after(10), 1050.0) == 10  # the wall clock was set back
    assert lease.remaining_s(after(70), 1010.0) == -10  # the machine slept


def test_only_the_stores_clock_past_the_grace_expires_a_lease() -> None:
    assert not is_expired(after(60), after(65), TIMING)
    assert is_expired(after(60), after(65.001), TIMING)
    assert not is_expired(None, after(9999), TIMING)


def test_the_sweeper_looks_when_the_store_must_agree() -> None:
    over = Lease.starting(NOW, 0.0, TIMING).over_at(TIMING)
    assert is_expired(after(60), over, TIMING)


def test_one_delivery_fits_into_its_ack_deadline_in_every_scale() -> None:
    for timing in (TIMING, TIMING.scaled(60)):
        outer = (
            timing.provider_budget_s,
            timing.self_cancel_s,
            timing.function_timeout_s,
            timing.ack_deadline_s,
        )
        assert list(outer) == sorted(set(outer))
        assert timing.commit_s < timing.renew_every_s
        assert timing.renew_every_s + timing.commit_s + timing.lease_reserve_s < timing.lease_s
