"""Clients at the door under fire: the short form of `scripts/chaos door`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulators
from tests.chaos.processes.door.live import Shape, live

pytestmark = [pytest.mark.emulators, pytest.mark.long, pytest.mark.timeout(600)]


async def test_clients_of_a_door_that_is_killed_keep_what_they_asked(
    emulators: Emulators, tmp_path: Path
) -> None:
    # Given a door, a handler and clients that are OpenAI's own, with keys of idempotency and without
    shape = Shape(seed=1, clients=8, asks=1, kills=2, during_s=3, doors=1)

    # If both are killed while the clients wait
    outcome = await live(shape, emulators, tmp_path)

    # I expect every question answered from the one request that it is, and every surplus call explained
    assert outcome.violations == [], "scripts/chaos door --seed 1 --clients 8 --asks 1 --kills 2 --during 3"
    # and that all of it took place
    assert (outcome.figures["kills"], outcome.figures["answered"]) == (2, 8)
