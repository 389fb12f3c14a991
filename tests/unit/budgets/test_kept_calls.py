"""A budget and a call that its provider keeps: held for before it is begun and while it is out, and charged
what its answer cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from penstock.money.limits import Limit
from tests.chaos.background_stage import BACKGROUND
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.money_checker import bill
from tests.chaos.money_stage import set_limits, with_budgets
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.unit.budgets.test_lane_that_waits import PLENTY, asked, charged_to, counted

BOTH = with_budgets(BACKGROUND)
ALONE = replace(BOTH, instances=1)


async def until_kept(stage: Stage) -> int:
    """What `r` holds, once its provider keeps its call."""
    await asyncio.sleep(5)
    while (await stage.document("r"))["state"] != "sent":
        await asyncio.sleep(5)
    return int((await stage.document("r"))["holds"][0]["nano"])


def test_a_kept_call_holds_all_the_time_and_is_charged_what_its_answer_cost() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.responses.takes_s = 3000
        await stage.ask("r")
        held = await until_kept(stage)
        await asyncio.sleep(2500)  # the allotment's time is long over
        assert await counted(stage) == held
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["kept"]
        assert charged_to(result) == (round(1e9 * result["cost"]["usd"]), 0)
        assert await counted(stage) == charged_to(result)[0] < held

    play(scene, shape=BOTH)


def test_what_was_drawn_beside_kept_calls_goes_back_while_they_are_out() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.responses.takes_s = 1e5
        for number in range(20):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=200_000)
            await asyncio.sleep(1)
        await asyncio.sleep(400)
        await stage.ask("later", "another", max_wait_s=200_000)  # of a new allotment
        await asyncio.sleep(60)
        names = [*(f"r{number}" for number in range(20)), "later"]
        held = sum([(await stage.document(name))["holds"][0]["nano"] for name in names])
        assert await counted(stage) == held
        stage.world.responses.takes_s = 0
        for one in stage.world.responses.responses.values():
            one.ends_at = stage.world.now() + 1
        await stage.rest()
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=ALONE)


@pytest.mark.parametrize(
    ("kind", "unsure"), [("throttled", False), ("broken", True), ("locked", False), ("refused", False)]
)
def test_what_failed_is_charged_only_where_it_may_have_been_paid(kind: Any, unsure: bool) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        charged = charged_to(result)
        assert charged[1] == (round(1e9 * result["cost"]["budget"]["held_usd"]) if unsure else 0)
        assert charged[0] == charged[1] + round(1e9 * result["cost"]["usd"])
        assert await counted(stage) == charged[0]

    play(scene, shape=BOTH, replies=[Reply(kind)])


@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, Fault.LOST_RESPONSE])
def test_a_begun_call_whose_name_is_lost_counts_in_full_beside_the_next(fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["kept", "kept"]
        held = round(1e9 * result["cost"]["budget"]["held_usd"])
        assert charged_to(result) == (held + round(1e9 * result["cost"]["usd"]), held)
        assert await counted(stage) == charged_to(result)[0]

    play(scene, plan=AtNamed({("later.begin", 1): fault}), shape=BOTH)


@pytest.mark.parametrize("fault", [Fault.KILL_BEFORE, Fault.KILL_AFTER])
def test_whoever_dies_over_its_answer_leaves_the_hold_to_the_next(fault: Fault) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r")
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["kept"]
        assert charged_to(result) == (round(1e9 * result["cost"]["usd"]), 0)

    play(scene, plan=AtNamed({("later.look", 1): fault}), shape=BOTH)


def test_a_call_that_is_called_back_counts_in_full_and_the_next_target_holds_for_itself() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.responses.takes_s = 1e6
        await stage.ask("r", model="chooses", max_wait_s=3600)
        held = await until_kept(stage)
        await stage.rest()
        result = await stage.result("r")
        assert asked(stage) == ["kept", "prompt"]
        assert charged_to(result) == (held + round(1e9 * result["cost"]["usd"]), held)
        assert result["cost"]["budget"]["held_usd"] * 1e9 > held

    play(scene, shape=BOTH)


def test_a_deadline_that_passes_while_it_is_kept_is_charged_and_says_so() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.responses.takes_s = 1e6
        await stage.ask("r", max_wait_s=900)
        held = await until_kept(stage)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        assert charged_to(await stage.result("r")) == (held, held)
        assert await counted(stage) == held

    play(scene, shape=BOTH)


def test_what_the_budget_does_not_cover_is_not_begun_and_waits() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY._replace(nano=2_000_000))
        await stage.ask("r")
        await until_kept(stage)
        await stage.ask("s", "another")
        await asyncio.sleep(30)
        assert (await stage.document("s"))["lacks"] == "budget"
        assert asked(stage) == ["kept"]
        await stage.rest()
        assert asked(stage) == ["kept", "kept"]

    play(scene, shape=BOTH)


def test_a_kept_call_under_a_lowered_budget_may_still_be_spent_and_no_other_begins() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r")
        await until_kept(stage)
        await set_limits(stage.world, PLENTY._replace(nano=1_400_000, on_exhausted="fail"))
        await asyncio.sleep(10)
        await stage.ask("s", "another")
        await stage.rest()
        assert [await stage.reason(name) for name in ("r", "s")] == [None, "budget_exhausted"]
        assert asked(stage) == ["kept"]

    play(scene, shape=ALONE)


def test_whom_no_budget_touches_holds_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("target:prompt", "month", None, 1_000_000_000))
        await stage.ask("r")
        await stage.rest()
        assert asked(stage) == ["kept"]
        assert "budget" not in (await stage.result("r"))["cost"]
        assert await stage.world.store.scan("allotments", after="", limit=9, timeout_s=8) == []

    play(scene, shape=BOTH)
