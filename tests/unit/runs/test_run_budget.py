"""A run's own budget: held before a page is asked about, charged when it closes, raised by a resume."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from penstock.errors import BadMessage
from penstock.messages.wake import KIND
from penstock.runs.message import Told, Verb
from penstock.runs.record import Run
from penstock.runs.telling import verb_fault
from tests.chaos.money_stage import PRICED
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, ask, document, mapped, outcome, start, tell
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS

_SHAPE = replace(RUNS, routes=PRICED)
_ITEMS = [f"ticket {letter}" for letter in "abcdefghijkl"]
_DOLLAR = 1_000_000_000


async def _page_holds(stage: Stage) -> int:
    """What a page of two members holds, as a run says that has one."""
    await start(stage.world, "measured", _ITEMS[:2], max_in_flight=2, budget_usd=1)
    held = await _held(stage, "measured")
    await stage.rest()
    return held


async def _held(stage: Stage, run_id: str) -> int:
    while True:
        [found] = await stage.world.store.read([f"tenants/default/runs/{run_id}"], timeout_s=8)
        if held := (found.fields or {}).get("held_nano"):
            return int(held)
        await asyncio.sleep(0.01)


def test_a_run_with_enough_is_charged_what_it_cost_and_holds_nothing_in_the_end() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", _ITEMS, max_in_flight=2, budget_usd=1)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        run = await document(stage, "r")
        assert run["held_nano"] == 0
        assert run["spent_nano"] == sum(closed["nano_usd"] for closed in run["closed"]) > 0

    play(scene, shape=_SHAPE)


def test_an_exhausted_budget_pauses_the_run_and_more_of_it_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        holds = await _page_holds(stage)
        before = stage.calls()
        items = [item.replace("ticket", "report") for item in _ITEMS]
        await start(stage.world, "r", items, max_in_flight=2, budget_usd=holds / 1e9)
        await asyncio.sleep(600)
        run = await document(stage, "r")
        assert run["paused"]
        assert "resume the run with more" in run["lacks"]
        [paused] = stage.log("run.out_of_budget")
        assert (paused["severity"], paused["run_id"]) == ("WARNING", "r")
        assert paused["message"] == run["lacks"]
        assert 0 < stage.calls() - before < len(_ITEMS)
        assert run["spent_nano"] <= run["budget_nano"]
        assert "its budget is exhausted" in verb_fault(Verb.RESUME, Run.decode(run))
        await tell(stage.world, Verb.RESUME, "r")  # without more it is where it was
        await asyncio.sleep(60)
        assert (await document(stage, "r"))["paused"]
        await _resume(stage, "r", _DOLLAR)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert stage.calls() - before == len(_ITEMS)

    play(scene, shape=_SHAPE)


def test_a_budget_that_the_first_page_does_not_fit_pays_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", _ITEMS, budget_usd=1e-9)
        await asyncio.sleep(60)
        assert (await document(stage, "r"))["lacks"].startswith("The next page may cost $")
        assert stage.calls() == 0
        await tell(stage.world, Verb.CANCEL, "r")
        await stage.rest()
        assert await outcome(stage, "r") == ("cancelled", "cancelled")

    play(scene, shape=_SHAPE)


@pytest.mark.slow  # a page of two hundred, and one more
def test_what_is_under_way_may_give_back_so_the_run_waits_for_it() -> None:
    async def scene(stage: Stage) -> None:
        items = [f"ticket {n:03}" for n in range(201)]
        await start(stage.world, "measured", ["report 000"], budget_usd=1)
        holds = 200 * await _held(stage, "measured")
        await stage.rest()
        before = stage.calls()
        await start(stage.world, "r", items, budget_usd=holds / 1e9)
        await asyncio.sleep(20)
        assert (await document(stage, "r"))["stage"]["next_page"] == 1
        assert "lacks" not in await document(stage, "r")
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert stage.calls() - before == 201

    play(scene, shape=_SHAPE, always=Reply("ok", 30.0))


def test_a_call_that_may_have_been_paid_is_charged_at_its_most() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a"], mapped(tolerated_failure_count=1), budget_usd=1)
        await stage.rest()
        run = await document(stage, "r")
        assert run["spent_nano"] > sum(closed["nano_usd"] for closed in run["closed"])

    play(scene, shape=_SHAPE, replies=[Reply("broken", 0.1)])


def test_a_chain_holds_for_answers_that_nobody_has_yet() -> None:
    async def held(stage: Stage, run_id: str, then: list[dict[str, Any]]) -> int:
        step = {"id": "chain", "map": {"request": ask(), "as": "fact", "then": then}}
        await start(stage.world, run_id, ["a"], step, budget_usd=10)
        nano = await _held(stage, run_id)
        await stage.rest()
        return nano

    async def scene(stage: Stage) -> None:
        fixed = await held(stage, "fixed", [{"request": ask("fixed")}])
        whole = await held(stage, "whole", [{"request": ask("{{item.fact}}")}])
        part = await held(stage, "part", [{"request": ask("{{item.fact.total}}")}])
        assert fixed < whole <= part

    play(scene, shape=_SHAPE, always=Reply("ok", 5.0))


def test_without_a_longest_answer_no_budget_can_hold_and_nothing_is_paid() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", _ITEMS, budget_usd=1)
        await stage.rest()
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert "pipeline.steps[0]" in letter.attributes["error"]
        assert stage.calls() == 0

    play(scene, shape=RUNS)


@pytest.mark.parametrize("budget", ["0", "-1", "NaN", "much", "1e12"])
def test_a_resume_with_no_budget_is_refused(budget: str) -> None:
    with pytest.raises(BadMessage, match="budget_usd must be above 0"):
        Told.of({KIND: "resume", "run_id": "r", "budget_usd": budget})


async def _resume(stage: Stage, run_id: str, nano: int) -> None:
    told = Told(Verb.RESUME, "default", run_id, budget_nano=nano)
    await stage.world.bus.publish(TOPICS.runs, b"", told.encode(), timeout_s=15)
