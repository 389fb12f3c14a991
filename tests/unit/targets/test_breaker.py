"""Closed, open, half-open, and back."""

from __future__ import annotations

from penstock.targets.breaker import THRESHOLD, Breaker
from penstock.timing import Timing

CALL, ANOTHER = object(), object()


def _open(retry_after_s: float | None = None) -> Breaker:
    breaker = Breaker(Timing())
    for _ in range(THRESHOLD):
        assert breaker.wait_s(0.0, CALL) == 0
        breaker.failed(0.0, retry_after_s, CALL)
    return breaker


def test_a_row_of_failures_opens_it() -> None:
    assert _open().wait_s(1.0, CALL) == 9


def test_a_success_in_between_starts_the_row_anew() -> None:
    breaker = Breaker(Timing())
    for _ in range(3 * THRESHOLD):
        breaker.failed(0.0, None, CALL)
        breaker.succeeded()
    assert breaker.wait_s(0.0, CALL) == 0


def test_it_rests_as_long_as_the_provider_asks_within_reason() -> None:
    assert _open(120.0).wait_s(0.0, CALL) == 120
    assert _open(1e9).wait_s(0.0, CALL) == 600


def test_who_asks_for_time_gets_it_from_those_who_have_another() -> None:
    breaker = Breaker(Timing())
    breaker.failed(5.0, 60.0, CALL)
    assert breaker.asked_s(15.0, has_next=True) == 50
    # neither a shorter wish nor an answer to another call takes it back
    breaker.failed(15.0, 1.0, CALL)
    breaker.succeeded()
    assert [breaker.asked_s(now, has_next=True) for now in (15.0, 65.0)] == [50, 0]
    breaker.failed(65.0, 1e9, CALL)
    assert breaker.asked_s(65.0, has_next=True) == Timing().park_max_s


def test_who_has_no_other_is_kept_away_no_longer_than_a_delivery_waits() -> None:
    breaker = Breaker(Timing())
    breaker.failed(0.0, 2.0, CALL)
    assert breaker.asked_s(0.0, has_next=False) == 2
    breaker.failed(0.0, 290.0, CALL)
    assert breaker.asked_s(0.0, has_next=False) == Timing().patience_s
    breaker.failed(100.0, -5.0, CALL)
    assert breaker.asked_s(100.0, has_next=False) == 0


def test_one_probe_goes_through_and_closes_it() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0, CALL) == 0
    assert breaker.wait_s(11.0, ANOTHER) > 0  # the others wait for the probe
    breaker.succeeded()
    assert breaker.wait_s(11.0, CALL) == 0


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0, CALL) == 0
    breaker.failed(11.0, None, CALL)
    assert breaker.wait_s(12.0, CALL) == 9


def test_a_probe_that_is_cut_off_lets_the_next_one_through() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0, CALL) == 0
    breaker.abandoned(CALL)
    assert breaker.wait_s(11.0, ANOTHER) == 0


def test_who_failed_meanwhile_lengthens_the_rest_and_leaves_the_probe() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0, CALL) == 0
    breaker.failed(12.0, None, ANOTHER)
    assert breaker.wait_s(12.0, ANOTHER) == 10
    assert breaker.wait_s(22.0, ANOTHER) > 0  # the probe is still out
    breaker.abandoned(ANOTHER)
    assert breaker.wait_s(22.0, ANOTHER) > 0
    breaker.failed(22.0, None, CALL)
    assert breaker.wait_s(32.0, ANOTHER) == 0
