"""Batches that a machine of our own works off: nothing is paid by line, and a small pile wakes none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penstock.errors import FailureClass, ProviderFailure
from penstock.targets.retry import MAX_TRIES
from penstock.targets.routes import Route, Routes
from tests.chaos.batch_stage import BATCHES, LAZY, PROMPT, with_batches
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.chaos.world import Shape

ALONE = replace(BATCHES, instances=1)


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


@pytest.mark.slow
def test_who_a_killed_machine_did_not_get_to_goes_out_again_uncounted() -> None:
    """More often than what may have been paid is ever tried again."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.rented, stage.world.batches.kills = True, [1] * MAX_TRIES
        for name in map(str, range(MAX_TRIES + 1)):
            await stage.ask(name, name, max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy"] * (MAX_TRIES + 1)
        assert len(stage.world.batches.jobs) == MAX_TRIES + 1
        results = [await stage.result(str(number)) for number in range(MAX_TRIES + 1)]
        assert {(one["status"], one["lane"]) for one in results} == {("completed", "batch")}

    play(scene, shape=ALONE)


def test_a_machine_that_did_nothing_at_all_is_not_tried_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.rented, stage.world.batches.kills = True, [0]
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["prompt"]
        result = await stage.result("r")
        assert (result["status"], result["lane"]) == ("completed", "sync")

    play(scene, shape=ALONE)


def test_a_lost_start_that_nobody_finds_costs_no_line_and_is_not_told_as_paid() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.rented, stage.world.batches.kills = True, [0]
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["prompt"]
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=ALONE)


@pytest.mark.parametrize("rented", [True, False])
def test_a_start_that_is_never_listed_may_have_been_paid_by_line_but_not_by_time(rented: bool) -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.rented, stage.world.batches.lag_s = rented, 1e6
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"]) == ("completed", "batch")
        told = str(result["cost"]["breakdown"].get("unknown"))
        assert ("1 more call may have been paid" in told) is not rented
        assert bool((await stage.document("r")).get("perhaps_paid")) is not rented
        [lost] = stage.log("batch.lost")
        assert ("and no line" in lost["message"]) is rented

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=ALONE)


def test_a_machine_that_its_platform_forgot_costs_no_line() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.batches.rented, stage.world.batches.takes_s = True, 1e9
        stage.world.batches.denies = ProviderFailure(FailureClass.FINAL, "simulated: 404", status=404)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        assert (result["status"], result["lane"]) == ("completed", "sync")
        assert "unknown" not in result["cost"]["breakdown"]

    play(scene, shape=ALONE)


@pytest.mark.parametrize(("there", "target"), [(2, "prompt"), (3, "lazy")])
def test_a_pile_of_too_few_wakes_no_machine_and_is_asked_in_time(there: int, target: str) -> None:
    few = LAZY.model_copy(update={"min_lines": 3})
    routes = Routes("one", {"one": Route(targets=[few, PROMPT], choose="cheapest")})

    async def scene(stage: Stage) -> None:
        for number in range(there):
            await stage.ask(f"r{number}", f"{number}", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == [target] * there
        assert {(await stage.result(f"r{number}"))["status"] for number in range(there)} == {"completed"}

    play(scene, shape=replace(with_batches(Shape(routes, seed=1), routes), instances=1))
