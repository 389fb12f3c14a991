"""Real processes under fire: the short form of `scripts/chaos run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.live import Shape, live

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(240),
]


async def test_processes_that_are_killed_paused_and_cut_off_keep_the_promise(
    emulators: Emulators, tmp_path: Path
) -> None:
    # Given three workers on the emulators, a bridge that duplicates and reorders, and a provider in a mood
    shape = Shape(seed=1, requests=40, kills=3, pauses=1, cuts=4, during_s=8)

    # If functions are killed and paused and their connections cut while requests are under way
    outcome = await live(shape, emulators, tmp_path, lambda _done, _note: None)

    # I expect that the checker finds nothing wrong: every request ended once, every surplus call explained
    again = "scripts/chaos run --seed 1 --requests 40 --kills 3 --pauses 1 --cuts 4"
    assert outcome.violations == [], again
    # and that all of it took place
    assert outcome.blows["kill"] == 3
    assert outcome.figures["requests"] >= 40
