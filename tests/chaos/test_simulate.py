"""Thousands of seeds: random requests, replies, faults, deaths and pauses in simulated time."""

from __future__ import annotations

import time

import pytest

from tests.chaos.simulate import simulate, simulate_many

_EACH = 500
#: Those of scripts/test quick.
_QUICK = 60
#: Real seconds for one portion on a slow day: twenty-four for all of them.
_SECONDS = 6.0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("first", "count"),
    [(0, _QUICK), *(pytest.param(number * _EACH, _EACH, marks=pytest.mark.slow) for number in range(1, 5))],
)
def test_no_seed_breaks_the_promise(first: int, count: int) -> None:
    totals = simulate_many(range(first, first + count), until=time.monotonic() + _SECONDS)
    assert sum(totals.faults.values()) > totals.seeds / 4
    replays = [f"scripts/chaos simulate --seed {seed}: {found[0]}" for seed, found in totals.failed]
    assert replays == []


def test_a_seed_is_the_same_story_every_time() -> None:
    one, other = simulate(11), simulate(11)
    assert one.evidence.written == other.evidence.written
    assert one.evidence.results == other.evidence.results
