"""Budgets on real processes under fire: the short form of `scripts/chaos money`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.money.live import Shape, live

pytestmark = [pytest.mark.emulators, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.mark.parametrize("lanes", [False, True])
async def test_budgets_whose_functions_are_killed_and_cut_off_hold(
    emulators: Emulators, tmp_path: Path, lanes: bool
) -> None:
    # Given two processes, more callers than the budget carries, a moody provider; with lanes that wait too
    shape = Shape(
        2, 0.4, callers=14, processes=2, kills=1, pauses=0, cuts=1, during_s=6, time_scale=4, lanes=lanes
    )

    # If one is killed, one cut off, and the budget lowered meanwhile
    outcome = await live(shape, emulators, tmp_path)

    # I expect that the provider's own bill stays within it, that every receipt adds up and nothing is held
    assert outcome.violations == []
    # and that all of it took place
    assert outcome.figures["kills"] == 1
    assert outcome.figures["paid"] > 0
