"""Thousands of seeds: random requests, replies, faults, deaths and pauses in simulated time."""

from __future__ import annotations

import time

import pytest

from tests.chaos.simulate import simulate, simulate_many

_EACH = 500
#: Real seconds for one portion on a slow day: a minute for all of them.
_SECONDS = 15.0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "first", [0, *(pytest.param(number * _EACH, marks=pytest.mark.slow) for number in range(1, 4))]
)
def test_no_seed_breaks_the_promise(first: int) -> None:
    totals = simulate_many(range(first, first + _EACH), until=time.monotonic() + _SECONDS)
    assert sum(totals.faults.values()) > totals.seeds / 4
    replays = [f"scripts/chaos simulate --seed {seed}: {found[0]}" for seed, found in totals.failed]
    assert replays == []


def test_a_seed_is_the_same_story_every_time() -> None:
    one, other = simulate(11), simulate(11)
    assert one.evidence.written == other.evidence.written
    assert one.evidence.results == other.evidence.results
