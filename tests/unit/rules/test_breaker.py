"""Closed, open, half-open, and back."""

from __future__ import annotations

from penstock.rules.breaker import THRESHOLD, Breaker
from penstock.rules.timing import Timing


def _open(retry_after_s: float | None = None) -> Breaker:
    breaker = Breaker(Timing())
    # All are under way before the first fails: after a Retry-After none would start.
    for _ in range(THRESHOLD):
        assert breaker.wait_s(0.0) == 0
    for _ in range(THRESHOLD):
        assert breaker.open_until is None
        breaker.failed(0.0, retry_after_s)
    return breaker


def test_a_row_of_failures_opens_it() -> None:
    assert _open().wait_s(1.0) == 9


def test_a_success_in_between_starts_the_row_anew() -> None:
    breaker = Breaker(Timing())
    for _ in range(3 * THRESHOLD):
        breaker.failed(0.0, None)
        breaker.succeeded()
    assert breaker.wait_s(0.0) == 0


def test_it_rests_as_long_as_the_provider_asks_within_reason() -> None:
    assert _open(120.0).wait_s(0.0) == 120
    assert _open(1e9).wait_s(0.0) == 600


def test_who_asks_for_time_gets_it_within_reason() -> None:
    breaker = Breaker(Timing())
    breaker.failed(5.0, 60.0)
    assert breaker.wait_s(15.0) == 50
    # neither a shorter wish nor an answer to another call takes it back
    breaker.failed(15.0, 1.0)
    breaker.succeeded()
    assert (breaker.wait_s(15.0), breaker.wait_s(65.0)) == (50, 0)
    # what may be meant for one request alone closes the way for all no longer than this
    breaker.failed(65.0, 1e9)
    assert breaker.wait_s(65.0) == Timing().park_max_s
    breaker.failed(700.0, -5.0)
    assert breaker.wait_s(700.0) == 0


def test_one_probe_goes_through_and_closes_it() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0) == 0
    assert breaker.wait_s(11.0) > 0  # the others wait for the probe
    breaker.succeeded()
    assert breaker.wait_s(11.0) == 0


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0) == 0
    breaker.failed(11.0, None)
    assert breaker.wait_s(12.0) == 9


def test_a_probe_that_is_cut_off_lets_the_next_one_through() -> None:
    breaker = _open()
    assert breaker.wait_s(11.0) == 0
    breaker.abandoned()
    assert breaker.wait_s(11.0) == 0
