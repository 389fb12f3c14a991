"""Runs on real processes under fire: the short form of `scripts/chaos runs`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.emulation.emulators import Emulator, Emulators
from tests.chaos.processes.runs.live import Shape, live

pytestmark = [pytest.mark.emulators, pytest.mark.slow, pytest.mark.timeout(400)]


async def test_runs_whose_functions_are_killed_and_cut_off_keep_the_promise(
    emulators: Emulators, tmp_path: Path
) -> None:
    # Given two runs, one function of each kind, a bridge that duplicates and reorders, a provider in a mood
    shape = Shape(seed=1, runs=2, items=12, kills=2, pauses=0, cuts=2, during_s=4, handlers=1, run_handlers=1)

    # If functions are killed and their connections cut while members are under way
    outcome = await live(shape, emulators, tmp_path)

    # I expect that the checker finds nothing wrong: every page closed once, every surplus call explained
    again = "scripts/chaos runs --seed 1 --runs 2 --items 12 --kills 2 --pauses 0 --cuts 2 --during 4"
    assert outcome.violations == [], again
    # and that all of it took place
    assert outcome.figures["kills"] == 2
    assert outcome.figures["members"] >= 24
    # and that each end was told of, some at a second attempt
    assert outcome.figures["told"] >= 2
    assert outcome.figures["deliveries_of_callbacks"] >= outcome.figures["told"]


@pytest.mark.long  # its store has a contract of its own, in the short forms too
async def test_the_same_on_the_firestore_that_has_indexes(
    emulators: Emulators, firestore_wire: Emulator, tmp_path: Path
) -> None:
    # Given Google's Pub/Sub, and in the place of its Firestore the one that `--indexed` takes
    ours = Emulators(emulators.pubsub, firestore_wire)
    shape = Shape(seed=2, runs=2, items=12, kills=2, pauses=0, cuts=2, during_s=4, handlers=1, run_handlers=1)

    # If functions are killed and their connections cut while members are under way
    outcome = await live(shape, ours, tmp_path)

    # I expect the same, and that changes of pages were seen there
    again = (
        "scripts/chaos runs --indexed --seed 2 --runs 2 --items 12 --kills 2 --pauses 0 --cuts 2 --during 4"
    )
    assert outcome.violations == [], again
    assert outcome.figures["kills"] == 2
    assert outcome.figures["members"] >= 24
