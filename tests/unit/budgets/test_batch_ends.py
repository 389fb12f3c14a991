"""A batch under budgets when something goes wrong: creates that get lost, dead batchers, holds that came too
late, budgets that change, a cancel. The checker wants at each end that nothing is held that nobody spends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from penstock.errors import FailureClass, ProviderFailure
from penstock.paths import sharded
from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Delete, Merge, Put
from penstock.runner import Problem
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.money_checker import bill
from tests.chaos.money_stage import set_limits
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.unit.budgets.test_lane_that_waits import ALONE, BOTH, PLENTY, asked, charged_to, counted, until_out


async def _paused_with_a_sealed_batch(stage: Stage) -> None:
    """`r` is stamped, and no create goes out."""
    pause = Pause(stage.world.clock.now(), "tests")
    await stage.world.store.commit([Put(PAUSE_PATH, pause.encode())], timeout_s=5)
    await stage.ask("r", max_wait_s=PATIENT)
    await asyncio.sleep(5)
    while (await stage.document("r"))["state"] != "sent":
        await asyncio.sleep(5)


async def _resume(stage: Stage) -> None:
    await stage.world.store.commit([Delete(PAUSE_PATH)], timeout_s=5)
    await stage.rest()


def test_a_create_whose_answer_is_lost_is_found_and_paid_for_by_the_hold_that_it_had() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["lazy"]
        assert charged_to(result) == (round(1e9 * result["cost"]["usd"]), 0)

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=BOTH)


def test_a_create_that_came_to_nothing_counts_in_full_and_the_next_batch_holds_anew() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["lazy"]
        charged, unsure = charged_to(result)
        assert charged == unsure + round(1e9 * result["cost"]["usd"])
        assert unsure == round(1e9 * result["cost"]["budget"]["held_usd"])
        assert (await stage.document("r"))["perhaps_paid"] == 1
        assert await counted(stage) == charged

    play(scene, plan=AtNamed({("runner.create", 1): Fault.KILL_BEFORE}), shape=BOTH)


def test_a_create_that_is_listed_late_is_collected_and_both_were_held_for() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.lag_s, stage.world.batches.takes_s = 900, 2000
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        path = "tenants/default/requests/r/orphans"
        orphans = await stage.world.store.scan(path, after="", limit=9, timeout_s=5)
        assert (await stage.result("r"))["status"] == "completed"
        answers = len(orphans) + 1
        assert answers == 2  # no paid line is thrown away
        assert await counted(stage) >= bill(await stage.evidence())
        batches = await stage.world.store.scan("tenants/default/batches", after="", limit=9, timeout_s=5)
        assert [(batch.fields or {})["state"] for batch in batches] == ["closed"] * 2

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=BOTH)


def test_a_line_of_an_earlier_batch_does_not_settle_the_hold_of_the_later_one() -> None:
    """It answers while the later line is out, which may be paid too."""

    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.lag_s, stage.world.batches.takes_s = 900, 3000
        await stage.ask("r", max_wait_s=PATIENT)
        while len(stage.world.batches.jobs) < 2:
            await asyncio.sleep(5)
        # The later batch is slow: the earlier one's line comes first.
        path = "tenants/default/batches"
        [late] = [
            found
            for found in await stage.world.store.scan(path, after="", limit=9, timeout_s=5)
            if (found.fields or {})["stage"] == "out" and not (found.fields or {}).get("sought_until")
        ]
        away = sharded("default", late.path.rpartition("/")[2], stage.world.clock.now() + timedelta(hours=3))
        await stage.world.store.commit([Merge(late.path, {"due_at": away})], timeout_s=5)
        await stage.rest()
        result = await stage.result("r")
        charged, unsure = charged_to(result)
        assert asked(stage) == ["lazy", "lazy"]
        assert charged == unsure == 2 * round(1e9 * result["cost"]["budget"]["held_usd"])

    play(scene, plan=AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}), shape=ALONE)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_batcher_that_dies_while_it_seals_leaves_its_holds_to_the_next(nth: int) -> None:
    """Before the list of its members is written, and after it has been stamped."""

    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await until_out(stage)
        await stage.rest()
        results = [await stage.result(name) for name in ("r", "s")]
        assert [charged_to(each)[1] for each in results] == [0, 0]
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, plan=AtNamed({("blobs.put", nth): Fault.KILL_AFTER}), shape=BOTH)


def test_a_hold_that_was_written_too_late_goes_into_no_file() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await _paused_with_a_sealed_batch(stage)
        document = await stage.document("r")
        [hold] = document["holds"]
        late = {"held_at": hold["lease_end"]}
        await stage.world.store.commit([Merge("tenants/default/requests/r", late)], timeout_s=5)
        await _resume(stage)
        result = await stage.result("r")
        assert asked(stage) == ["lazy"]
        assert "1 call" not in str(result["cost"])
        assert charged_to(result) == (round(1e9 * result["cost"]["usd"]), 0)
        assert (await stage.document("r"))["batch"] != document["batch"]

    play(scene, shape=ALONE)


def test_a_budget_that_is_set_after_the_stamp_is_held_for_before_the_create() -> None:
    async def scene(stage: Stage) -> None:
        await _paused_with_a_sealed_batch(stage)
        assert "holds" not in await stage.document("r")
        await set_limits(stage.world, PLENTY)
        await _resume(stage)
        result = await stage.result("r")
        assert asked(stage) == ["lazy"]
        assert charged_to(result)[0] == round(1e9 * result["cost"]["usd"])

    play(scene, shape=ALONE)


def test_what_is_sealed_under_a_pause_keeps_its_hold_and_goes_out_with_it() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await _paused_with_a_sealed_batch(stage)
        before = (await stage.document("r"))["batch"]
        await asyncio.sleep(3000)  # the allotment's time is long over
        [hold] = (await stage.document("r"))["holds"]
        assert await counted(stage) == hold["nano"]
        await _resume(stage)
        assert (await stage.document("r"))["batch"] == before
        assert charged_to(await stage.result("r"))[1] == 0

    play(scene, shape=ALONE)


def test_what_an_operator_calls_back_is_charged_for_what_was_done_alone() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.takes_s = 1e6
        await until_out(stage)
        [found] = await stage.world.store.scan("tenants/default/batches", after="", limit=9, timeout_s=5)
        now = stage.world.clock.now()
        due = sharded("default", found.path.rpartition("/")[2], now)
        await stage.world.store.commit([Merge(found.path, {"escalate_at": now, "due_at": due})], timeout_s=5)
        while not all(job.ended for job in stage.world.batches.jobs.values()):
            await asyncio.sleep(5)
        stage.world.batches.takes_s = 300.0
        await stage.rest()
        results = [await stage.result(name) for name in ("r", "s")]
        assert [charged_to(each) for each in results] == [
            (round(1e9 * each["cost"]["usd"]), 0) for each in results
        ]
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=BOTH)


@pytest.mark.parametrize("problem", list(Problem))
def test_a_batch_that_fails_before_its_first_line_gives_everything_back(problem: Problem) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.fails = [problem]
        await until_out(stage)
        await stage.rest()
        results = [await stage.result(name) for name in ("r", "s")]
        assert [charged_to(each)[1] for each in results] == [0, 0]
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=BOTH)


def test_whom_a_machine_of_ones_own_did_not_get_to_holds_nothing_and_goes_out_again() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.rented, stage.world.batches.kills = True, [1]
        await until_out(stage)
        await stage.rest()
        results = [await stage.result(name) for name in ("r", "s")]
        assert len(stage.world.batches.jobs) == 2
        assert [charged_to(each)[1] for each in results] == [0, 0]
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=BOTH)


def test_a_provider_that_takes_no_batch_costs_the_budget_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.refuses = ProviderFailure(FailureClass.FINAL, "simulated: 400", status=400)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["prompt"]
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=BOTH)


def test_who_is_out_when_nobody_collects_is_charged_in_full_when_its_time_is_up() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.takes_s = 9000
        await stage.ask("r", cache="off", max_wait_s=8000)
        while not stage.world.batches.jobs:
            await asyncio.sleep(5)
        held = (await stage.document("r"))["holds"][0]["nano"]
        path = "tenants/default/batches"
        [found] = await stage.world.store.scan(path, after="", limit=9, timeout_s=5)
        fields = dict(found.fields or {})
        await stage.world.store.commit([Delete(found.path)], timeout_s=5)
        await asyncio.sleep(9000)
        assert (await stage.reason("r"), charged_to(await stage.result("r"))) == (
            "deadline_exceeded",
            (held, held),
        )
        # The line that comes later is an orphan, and was counted.
        await stage.world.store.commit([Put(found.path, fields)], timeout_s=5)
        await asyncio.sleep(600)
        await stage.redrive("r", 1, cache="off", max_wait_s=8000)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert await counted(stage) == held

    play(scene, shape=ALONE)
