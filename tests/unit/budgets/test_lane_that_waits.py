"""A budget and a lane that waits: each line of a batch has a hold of its own, and is charged what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from penstock.money.limits import Limit
from tests.chaos.batch_stage import BATCHES
from tests.chaos.money_checker import bill
from tests.chaos.money_stage import money, set_limits, with_budgets
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT

BOTH = with_budgets(BATCHES)
ALONE = replace(BOTH, instances=1)
PLENTY = Limit("all", "month", None, 1_000_000_000)


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


async def counted(stage: Stage) -> int:
    """What the month's account says is spent or held."""
    account, _ = await money(stage)
    return int(account["granted"] - account.get("returned", 0))


async def until_out(stage: Stage) -> list[Mapping[str, Any]]:
    """The documents of `r` and `s`, which wait for one batch, once its job is there."""
    await stage.ask("r", max_wait_s=PATIENT)
    await stage.ask("s", "another", max_wait_s=PATIENT)
    while not stage.world.batches.jobs:
        await asyncio.sleep(5)
    return [await stage.document(name) for name in ("r", "s")]


def charged_to(result: Mapping[str, Any]) -> tuple[int, int]:
    """Nano-dollars that a result's receipt says were charged, and how many of them nobody can be sure of."""
    budget = result["cost"]["budget"]
    return round(1e9 * budget["charged_usd"]), round(1e9 * budget["unsure_usd"])


def test_whom_a_budget_touches_goes_out_with_a_hold_and_is_charged_what_its_line_cost() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        sent = await until_out(stage)
        assert [fields["state"] for fields in sent] == ["sent", "sent"]
        held = sum(fields["holds"][0]["nano"] for fields in sent)
        assert await counted(stage) == held  # what was drawn beforehand has gone back
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        results = [await stage.result(name) for name in ("r", "s")]
        assert [charged_to(each) for each in results] == [
            (round(1e9 * each["cost"]["usd"]), 0) for each in results
        ]
        assert await counted(stage) == sum(charged_to(each)[0] for each in results) < held

    play(scene, shape=BOTH)


def test_whom_none_touches_waits_for_the_batch() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("tenant:acme", "month", None, 1_000_000_000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert await stage.world.store.scan("allotments", after="", limit=9, timeout_s=8) == []

    play(scene, shape=BOTH)


def test_a_line_is_held_for_at_its_lanes_price() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        [sent, _] = await until_out(stage)
        await stage.ask("hurried", cache="off")
        await stage.rest()
        now = (await stage.result("hurried"))["cost"]["budget"]["held_usd"]
        assert sent["holds"][0]["nano"] == pytest.approx(1e9 * now / 2, rel=0.01)

    play(scene, shape=BOTH)


def test_a_line_that_was_not_begun_costs_nothing_and_the_next_batch_holds_anew() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert len(stage.world.batches.jobs) == 3
        charged, unsure = charged_to(result := await stage.result("r"))
        assert (charged, unsure) == (round(1e9 * result["cost"]["usd"]), 0)
        assert await counted(stage) == charged

    play(scene, shape=BOTH, replies=[Reply("throttled")] * 2)


@pytest.mark.parametrize("kind", ["unreadable", "broken"])
def test_a_line_of_which_nobody_knows_counts_in_full_beside_the_next_one(kind: Any) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        budget, (charged, unsure) = result["cost"]["budget"], charged_to(result)
        assert unsure == round(1e9 * budget["held_usd"]) > 0
        assert charged == unsure + round(1e9 * result["cost"]["usd"])
        assert await counted(stage) == charged
        # A line may be on any later day's bill: none can say that it was not paid.
        assert await stage.world.store.scan("doubts", after="", limit=9, timeout_s=8) == []

    play(scene, shape=BOTH, replies=[Reply(kind)])


@pytest.mark.parametrize(("kind", "unsure"), [("rejected", False), ("filtered", True)])
def test_a_refused_line_counts_only_where_it_may_have_been_paid(kind: Any, unsure: bool) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        result = await stage.result("r")
        held = round(1e9 * result["cost"]["budget"]["held_usd"])
        assert charged_to(result) == ((held, held) if unsure else (0, 0))
        assert await counted(stage) == (held if unsure else 0)

    play(scene, shape=BOTH, replies=[Reply(kind)])


def test_what_is_left_sends_some_and_the_others_wait_for_what_comes_back() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY._replace(nano=1_500_000))
        for name in ("r", "s", "t"):
            await stage.ask(name, f"question {name}", max_wait_s=PATIENT)
        while not stage.world.batches.jobs:
            await asyncio.sleep(5)
        documents = [await stage.document(name) for name in ("r", "s", "t")]
        assert sorted(str(fields.get("lacks")) for fields in documents) == ["None", "None", "budget"]
        await stage.rest()
        assert asked(stage) == ["lazy"] * 3
        assert len(stage.world.batches.jobs) == 2
        assert all(["lacks" not in await stage.document(name) for name in ("r", "s", "t")])

    play(scene, shape=BOTH)


def test_where_too_little_is_left_till_its_time_is_up_it_is_asked_at_once_if_that_is_covered() -> None:
    """The budget is of the lane's target alone: the other one is not under it."""

    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("target:lazy", "month", None, 900_000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        assert asked(stage) == ["lazy", "prompt"]
        assert (await stage.result("s"))["status"] == "completed"

    play(scene, shape=BOTH, replies=[Reply("filtered")])


def test_a_budget_that_is_to_fail_fails_who_would_be_sent_and_says_so_in_its_dead_letter() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY._replace(nano=900_000, on_exhausted="fail"))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await stage.rest()
        reasons = [str(await stage.reason(name)) for name in ("r", "s")]
        assert sorted(reasons) == ["None", "budget_exhausted"]
        assert await stage.letters() == ["budget_exhausted"]
        assert asked(stage) == ["lazy"]

    play(scene, shape=BOTH)


def test_a_line_dearer_than_its_whole_budget_fails_with_a_word() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY._replace(nano=1000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        error = (await stage.result("r"))["error"]
        assert error["reason"] == "budget_exhausted"
        assert "more than the budget of $0.000001 a month of all in whole" in error["message"]
        assert not stage.world.batches.jobs

    play(scene, shape=BOTH)


def test_whose_batch_is_called_back_is_asked_at_once_under_a_hold_at_that_price() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        stage.world.batches.takes_s = 1e6
        await stage.ask("r", max_wait_s=8000)
        await stage.rest()
        assert asked(stage) == ["prompt"]
        result = await stage.result("r")
        assert result["lane"] == "sync"
        assert charged_to(result) == (round(1e9 * result["cost"]["usd"]), 0)
        assert await counted(stage) == charged_to(result)[0]

    play(scene, shape=BOTH)


def test_many_draw_together_and_what_was_drawn_beforehand_goes_back_when_all_are_stamped() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        for number in range(80):
            await stage.ask(f"r{number}", f"question {number}", max_wait_s=PATIENT)
        while not stage.world.batches.jobs:
            await asyncio.sleep(5)
        [job] = stage.world.batches.jobs.values()
        held = sum([(await stage.document(f"r{number}"))["holds"][0]["nano"] for number in range(80)])
        _, allotments = await money(stage)
        assert len(job.lines) == 80
        assert await counted(stage) == held
        assert len(allotments) == 1
        assert stage.world.tap.draws <= 12
        await stage.rest()
        assert await counted(stage) == bill(await stage.evidence())

    play(scene, shape=ALONE)


def test_a_batcher_that_serves_no_requests_knows_of_the_budget() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await asyncio.sleep(60)
        assert (await stage.document("r"))["state"] == "queued"
        stage.world.instances[0].kill()  # the one after it is asked for batches alone
        await stage.rest()
        assert asked(stage) == ["lazy"]
        assert charged_to(await stage.result("r"))[0] > 0

    play(scene, shape=ALONE)
