"""A request under a budget, through production's own doors."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.budgets.releasing import release
from penstock.money.limits import Limit
from tests.chaos.faults import AtNamed, AtSteps, Fault
from tests.chaos.money_stage import BUDGETS, PRICED, money, set_limits
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape

_PLENTY = Limit("all", "month", None, 1_000_000_000)
#: Two calls on target `a` may be under way under it, and not three.
_TIGHT = _PLENTY._replace(nano=450_000)
_BROKEN, _THROTTLED = Reply("broken", 0.2), Reply("throttled", 0.1, 1.0)


async def _counted(stage: Stage) -> int:
    """What the month's account says is spent or held."""
    account, _ = await money(stage)
    return int(account["granted"] - account.get("returned", 0))


def test_what_a_call_cost_is_charged_and_everything_else_comes_back() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        budget = result["cost"]["budget"]
        assert budget["charged_usd"] == result["cost"]["usd"] > 0
        assert budget["held_usd"] > budget["charged_usd"]
        assert budget["unsure_usd"] == 0
        assert await _counted(stage) == round(budget["charged_usd"] * 1e9)
        assert not {"holds", "holding", "held_at"} & set(await stage.document("r1"))

    play(scene, shape=BUDGETS)


def test_without_a_budget_nothing_is_written_for_one() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("tenant:acme", "day", None, 1))
        await stage.ask("r1")
        await stage.rest()
        assert "budget" not in (await stage.result("r1"))["cost"]
        assert await stage.world.store.scan("allotments", after="", limit=9, timeout_s=8) == []

    play(scene, shape=BUDGETS)


def test_hits_and_followers_hold_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        for name in ("r1", "r2"):
            await stage.ask(name)
        await stage.rest()
        await stage.ask("r3")
        await stage.rest()
        told = [(await stage.result(name))["cost"].get("budget") for name in ("r1", "r2", "r3")]
        assert sum(each is not None for each in told) == 1
        assert stage.calls() == 1

    play(scene, shape=BUDGETS)


def test_a_call_that_may_have_been_paid_counts_in_full() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await stage.rest()
        budget = (await stage.result("r1"))["cost"]["budget"]
        assert budget["unsure_usd"] == pytest.approx(budget["charged_usd"] - 8e-6, abs=4e-6)
        assert budget["unsure_usd"] == pytest.approx(budget["held_usd"])
        assert await _counted(stage) == round(budget["charged_usd"] * 1e9)

    play(scene, shape=BUDGETS, replies=[_BROKEN])


def test_a_call_that_was_surely_not_paid_costs_nothing_and_its_hold_serves_again() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await stage.rest()
        budget = (await stage.result("r1"))["cost"]["budget"]
        assert stage.calls() == 2
        assert budget["unsure_usd"] == 0

    play(scene, shape=BUDGETS, replies=[_THROTTLED])


def test_a_fallback_holds_at_its_own_price() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1", model="two")
        await stage.rest()
        result = await stage.result("r1")
        budget = result["cost"]["budget"]
        assert result["target"] == "c"
        assert budget["unsure_usd"] > 0
        assert budget["held_usd"] > budget["unsure_usd"]  # c is dearer than b
        assert await _counted(stage) == round(budget["charged_usd"] * 1e9)

    play(scene, shape=BUDGETS, replies=[_BROKEN])


def test_what_the_budget_does_not_cover_is_not_called_and_waits() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _TIGHT)
        for number in range(4):
            await stage.ask(f"r{number}", f"question {number}", cache="off", max_wait_s=1500)
        await asyncio.sleep(30)
        assert stage.calls() == 2
        assert {(await stage.document(f"r{n}")).get("lacks") for n in range(4)} == {None, "budget"}
        await stage.rest()
        # Two calls were perhaps paid, so that nothing has come back.
        assert stage.calls() == 2
        errors = [(await stage.result(f"r{number}"))["error"] for number in range(4)]
        assert {error["reason"] for error in errors} == {"deadline_exceeded"}
        told = "too little is left of the budget of $0.00045 a month of all"
        assert sum(told in error["message"] for error in errors) == 2

    play(scene, shape=BUDGETS, always=Reply("hangs"))


def test_what_comes_back_serves_who_waits() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _TIGHT)
        for number in range(6):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
        await stage.rest()
        assert [await stage.reason(f"r{number}") for number in range(6)] == [None] * 6

    play(scene, shape=BUDGETS)


def test_a_budget_that_is_to_fail_fails() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _TIGHT._replace(on_exhausted="fail"))
        for number in range(4):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
        await stage.rest()
        assert {await stage.reason(f"r{number}") for number in range(4)} == {"budget_exhausted"}
        assert stage.calls() == 2

    play(scene, shape=BUDGETS, always=Reply("hangs"))


@pytest.mark.parametrize(
    ("limit", "body", "told"),
    [
        (_PLENTY._replace(nano=1000), {}, "more than the budget of $0.000001 a month of all in whole"),
        (_PLENTY, {"model": "boundless"}, "set its max_output, or max_tokens in the request"),
    ],
)
def test_what_no_budget_can_cover_fails_at_once(limit: Limit, body: dict[str, str], told: str) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, limit)
        await stage.ask("r1", **body)
        await stage.rest()
        error = (await stage.result("r1"))["error"]
        assert error["reason"] == "budget_exhausted"
        assert error["retriable"]
        assert told in error["message"]
        assert stage.calls() == 0

    play(scene, shape=BUDGETS)


def test_a_request_that_names_its_longest_answer_needs_no_other() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1", model="boundless", params={"max_tokens": 10})
        await stage.rest()
        assert await stage.reason("r1") is None

    play(scene, shape=BUDGETS)


def test_a_dead_instances_pool_comes_back_and_its_call_counts_in_full() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1", cache="off")
        await asyncio.sleep(1)
        stage.caller().kill("by the test")
        await stage.rest()
        budget = (await stage.result("r1"))["cost"]["budget"]
        assert stage.calls() == 2
        assert budget["unsure_usd"] == pytest.approx(budget["held_usd"])
        assert await _counted(stage) == round(budget["charged_usd"] * 1e9)

    play(scene, shape=BUDGETS, replies=[Reply("ok", 10.0)])


def test_a_lowered_budget_voids_what_was_drawn_before() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        for number in range(6):
            await stage.ask(f"r{number}", f"question {number}")
        await asyncio.sleep(5)
        budget = (await stage.result("r0"))["cost"]["budget"]
        spent = round(6e9 * budget["charged_usd"])
        assert await _counted(stage) > spent  # some of it lies in the pools
        lowered = round(1e9 * budget["held_usd"]) + spent - 1
        await set_limits(stage.world, _PLENTY._replace(nano=lowered))
        await asyncio.sleep(10)
        await stage.ask("late", "question 9", max_wait_s=30)
        await stage.rest()
        assert await stage.reason("late") == "deadline_exceeded"
        assert stage.calls("late") == 0

    play(scene, shape=BUDGETS)


def test_a_budget_that_is_halved_under_load_lets_only_what_is_held_be_paid() -> None:
    # Given fifteen calls under way at a time, of thirty that a budget of 5 million nano-dollars would carry
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY._replace(nano=5_000_000))
        for number in range(30):
            await stage.ask(f"r{number}", f"question {number}", cache="off", max_wait_s=1200)
            await asyncio.sleep(1)
        await set_limits(stage.world, _PLENTY._replace(nano=1_000_000))
        await asyncio.sleep(10)
        heard = await _counted(stage)
        assert heard > 1_000_000
        # And calls that time out and are made again, while nothing else comes that would bring word of it
        await asyncio.sleep(60)
        assert stage.calls() == 30
        for number in range(30, 40):
            await stage.ask(f"r{number}", f"question {number}", cache="off", max_wait_s=600)
        await stage.rest()
        assert {await stage.reason(f"r{number}") for number in range(30, 40)} == {"deadline_exceeded"}
        # Then nobody is called twice, and what was held when everybody had heard is all that is counted.
        assert stage.calls() == 30
        assert await _counted(stage) <= heard

    play(scene, shape=BUDGETS, always=Reply("hangs"))


def test_without_the_store_no_call_is_made_since_no_hold_is_accepted() -> None:
    # Given a claim that lands, and a store that takes no draw after it for a while
    plan = AtNamed({("store.commit", nth): Fault.ERROR_BEFORE for nth in range(3, 40)})

    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1", cache="off")
        while plan.counts["store.commit"] < 39:
            assert stage.calls() == 0
            await asyncio.sleep(1)
        await stage.rest()
        assert (await stage.reason("r1"), stage.calls()) == (None, 1)

    play(scene, shape=replace(BUDGETS, instances=1), plan=plan)


def test_a_raised_budget_wakes_who_waits_for_it() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("all", "day", None, 450_000))
        for number in range(3):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
        await asyncio.sleep(200)
        waiting = [n for n in range(3) if (await stage.document(f"r{n}")).get("lacks")]
        assert waiting
        await set_limits(stage.world, _PLENTY)
        assert await release(stage.world.operator, 10) == len(waiting)
        await asyncio.sleep(120)
        assert [(await stage.document(f"r{n}")).get("lacks") for n in waiting] == [None] * len(waiting)

    play(scene, shape=BUDGETS, replies=[Reply("hangs")] * 2)


def test_midnight_begins_a_new_day_and_leaves_the_old_one_as_it_was() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("all", "day", None, 1_000_000))
        now = stage.world.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        await asyncio.sleep((midnight - now).total_seconds() - 20)
        for number in range(8):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
            await asyncio.sleep(5)
        await stage.rest()
        accounts = await stage.world.store.scan("accounts", after="", limit=9, timeout_s=8)
        days = Counter[str]()
        for found in accounts:
            for name, value in (found.fields or {}).items():
                if name.startswith(("granted_d", "returned_d")) and "gpt" not in name:
                    days[name.partition("_")[2]] += value if name.startswith("granted") else -value
        assert sorted(days.values())[0] > 0
        assert len(days) == 2
        assert sum(days.values()) == round(8e9 * (await stage.result("r0"))["cost"]["usd"])

    play(scene, shape=BUDGETS)


def test_a_request_under_a_budget_makes_no_round_trip_of_its_own() -> None:
    def trips(shape: Shape, *limits: Limit) -> Counter[str]:
        plan = AtSteps({})

        async def scene(stage: Stage) -> None:
            if limits:
                await set_limits(stage.world, *limits)
            for number in range(20):
                await stage.ask(f"r{number}", f"question {number}", cache="off")
                await asyncio.sleep(0.2)
            await asyncio.sleep(2)
            seen.update(plan.steps)

        seen = Counter[str]()
        play(scene, shape=replace(shape, instances=1), plan=plan)
        return seen

    without, under = trips(Shape(PRICED, seed=1)), trips(BUDGETS, _PLENTY)
    assert under["store.read"] == without["store.read"]
    # The first writes its hold by itself, and draws are for several: far fewer than one for each.
    assert under["store.commit"] - without["store.commit"] < 20 / 2
