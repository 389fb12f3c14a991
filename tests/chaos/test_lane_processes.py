"""Lanes on real processes under fire: the short form of `scripts/chaos run --lanes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.lanes.live import live_lanes
from tests.chaos.processes.live import Shape

pytestmark = [pytest.mark.emulators, pytest.mark.long, pytest.mark.timeout(900)]


async def test_lanes_whose_functions_are_killed_and_cut_off_keep_the_promise(
    emulators: Emulators, tmp_path: Path
) -> None:
    # Given workers and batchers on the emulators, and a provider whose batches fail in every way
    shape = Shape(2, requests=30, kills=2, pauses=0, cuts=2, during_s=8, time_scale=20, rest_s=400)

    # If functions are killed and cut off while batches are out
    outcome = await live_lanes(shape, emulators, tmp_path, lambda _done, _note: None)

    # I expect every request to end once, no line paid twice, and no paid line lost
    assert outcome.violations == [], "scripts/chaos run --lanes --seed 2 --requests 30 --kills 2"
    # and that all of it took place
    assert outcome.blows["kill"] == 2
    assert outcome.figures["lines"] > 0
