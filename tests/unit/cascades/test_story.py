"""Requests of a route that says `cascade`: cheap first, checked, then dear; the checker looks on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.cascades.seam import Cascades
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape

CHEAP = Target(name="cheap", provider="openai", model="gpt-5.4-nano")
MIDDLE = Target(name="middle", provider="openai", model="gpt-5.4-mini")
DEAR = Target(name="dear", provider="openai", model="gpt-6-sol")
#: What the simulated model says ends in crosses where a reply is padded.
GOOD, BAD = Reply(padding=3), Reply()
CROSSES: dict[str, Any] = {"matches": ".*x"}


def cascade(*targets: Target, check: dict[str, Any] | None = None) -> Routes:
    checks = dict.fromkeys((target.name for target in targets[:-1]), check or CROSSES)
    body = {"choose": "cascade", "targets": list(targets), "checks": checks}
    return Routes("a", {"a": Route.model_validate(body)})


def shape(routes: Routes | None = None) -> Shape:
    return Shape(routes or cascade(CHEAP, DEAR), seed=1, instances=2, seams=(Cascades(),))


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


async def booked(stage: Stage) -> float:
    """Dollars in the tenant's usage."""
    documents = (await stage.evidence()).documents
    nano: int = sum(fields.get("cost_nano_usd", 0) for path, fields in documents.items() if "/usage/" in path)
    return nano / 1e9


def deploy(stage: Stage, routes: Routes) -> None:
    for instance in stage.world.instances:
        object.__setattr__(instance.services, "routes", routes)


def test_an_answer_that_its_check_passes_is_the_result_and_nobody_else_is_asked() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], "cascade" in result, asked(stage)) == ("cheap", False, ["cheap"])

    play(scene, replies=[GOOD], shape=shape())


def test_an_answer_that_its_check_refuses_leads_on_and_both_are_told_and_paid() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("dear", ["cheap", "dear"])
        [refused] = result["cascade"]
        assert (refused["target"], refused["why"]) == ("cheap", "It does not match.")
        assert refused["usage"]["completion_tokens"] == 5
        assert "completion" not in refused
        alone = result["cost"]["breakdown"]["answer_usd"]
        assert result["cost"]["usd"] == pytest.approx(alone + refused["usd"])
        assert await booked(stage) == pytest.approx(result["cost"]["usd"])
        lines = (await stage.document("r1"))["attempts"]
        assert [(line["target"], line["outcome"]) for line in lines] == [("cheap", "ok"), ("dear", "ok")]

    play(scene, replies=[BAD, BAD], shape=shape())


TELLS = Target(name="cheap", provider="openai", model="gpt-5.4-nano", logprobs=True)


@pytest.mark.parametrize("cheap", [Reply(likely=0.79), Reply()], ids=["too unlikely", "untold"])
def test_an_answer_that_is_not_likely_enough_to_its_model_leads_on(cheap: Reply) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("dear", ["cheap", "dear"])
        assert "likely" in result["cascade"][0]["why"]

    play(scene, replies=[cheap, Reply()], shape=shape(cascade(TELLS, DEAR, check={"likely": 0.8})))


def test_a_likely_answer_stands_also_where_the_store_does_not_take_it_at_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("cheap", ["cheap"])
        assert result["completion"]["likely"] == 0.8

    routes = cascade(TELLS, DEAR, check={"likely": 0.8})
    play(scene, replies=[Reply(likely=0.8)], plan=Unreachable("store", 0.5, 130.0), shape=shape(routes))


def test_every_target_may_refuse_in_turn_and_the_last_answer_stands_whatever_it_is() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert [rung["target"] for rung in result["cascade"]] == ["cheap", "middle"]
        assert (result["target"], result["status"]) == ("dear", "completed")

    play(scene, always=BAD, shape=shape(cascade(CHEAP, MIDDLE, DEAR)))


def test_the_second_asker_is_answered_from_the_cache() -> None:
    async def scene(stage: Stage) -> None:
        for name in ("r1", "r2"):
            await stage.ask(name)
            await stage.rest()
        result = await stage.result("r2")
        assert (result["cache"], result["target"], asked(stage)) == ("hit", "dear", ["cheap", "dear"])
        assert "cascade" not in result
        bought = await stage.result("r1")
        assert (result["cost"]["usd"], result["cost"]["saved_usd"]) == (0.0, bought["cost"]["usd"])

    play(scene, replies=[BAD, BAD], shape=shape())


def test_who_asks_at_the_same_time_follows_through_every_rung() -> None:
    async def scene(stage: Stage) -> None:
        for name in ("r1", "r2"):
            await stage.ask(name)
        await stage.rest()
        caches = sorted([(await stage.result(name))["cache"] for name in ("r1", "r2")])
        assert (caches[1], asked(stage)) == ("miss", ["cheap", "dear"])

    play(scene, always=BAD, shape=shape())


def test_another_check_is_another_question() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        deploy(stage, cascade(CHEAP, DEAR, check={"matches": "x"}))
        await stage.ask("r2")
        await stage.rest()
        assert (await stage.result("r2"))["cache"] == "miss"

    play(scene, replies=[GOOD, GOOD, GOOD], shape=shape())


def test_who_crashes_after_the_refusal_is_written_pays_the_first_target_no_more() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await asyncio.sleep(80)
        await stage.rest()
        assert asked(stage) == ["cheap", "dear", "dear"]
        result = await stage.result("r1")
        assert [rung["target"] for rung in result["cascade"]] == ["cheap"]

    killed = AtNamed({("provider.complete", 2): Fault.KILL_AFTER})
    play(scene, always=BAD, plan=killed, shape=shape())


def test_a_park_between_the_rungs_keeps_the_place() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        assert asked(stage).count("cheap") == 1
        assert (await stage.result("r1"))["target"] == "dear"

    throttled = [Reply("throttled", 0.2)] * 5
    play(scene, replies=[BAD, *throttled], shape=shape())


def test_a_target_that_fails_is_passed_over() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        assert asked(stage) == ["cheap", "dear"]
        assert "cascade" not in await stage.result("r1")

    play(scene, replies=[Reply("refused", 0.2), BAD], shape=shape())


def test_a_redrive_keeps_the_rung_and_counts_its_cost_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        failed = await stage.result("r1")
        assert (failed["status"], [rung["target"] for rung in failed["cascade"]]) == ("failed", ["cheap"])
        await stage.redrive("r1", 1, cache="off")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("dear", ["cheap", "dear", "dear"])
        assert [rung["target"] for rung in result["cascade"]] == ["cheap"]
        of_the_cheap, of_the_dear = failed["cost"]["usd"], result["cost"]["usd"]
        assert of_the_cheap == result["cascade"][0]["usd"] > 0
        assert "answer_usd" not in result["cost"]["breakdown"], "the second life paid for one answer alone"
        assert await booked(stage) == pytest.approx(of_the_cheap + of_the_dear)

    play(scene, replies=[BAD, Reply("rejected", 0.2), BAD], shape=shape())


def test_a_form_that_nobody_asked_for_is_not_paid_to_be_refused() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        assert asked(stage) == ["dear"]

    play(scene, shape=shape(cascade(CHEAP, DEAR, check={"form": True})))


def test_who_answered_is_not_asked_again_where_a_deploy_took_the_others_away() -> None:
    before = Routes("a", {**cascade(CHEAP, DEAR).routes, "b": Route(targets=[MIDDLE])})

    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await asyncio.sleep(3)
        deploy(stage, cascade(CHEAP, MIDDLE))
        await stage.rest()
        assert asked(stage).count("cheap") == 1
        assert (await stage.result("r1"))["target"] == "middle"

    play(scene, replies=[BAD, Reply("throttled", 0.2, 30)], shape=shape(before))


def test_a_refused_answer_that_the_store_does_not_take_is_checked_again_and_not_paid_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        assert asked(stage) == ["cheap", "dear"]
        assert [rung["target"] for rung in (await stage.result("r1"))["cascade"]] == ["cheap"]

    play(scene, replies=[BAD, BAD], plan=Unreachable("store", 0.5, 130.0), shape=shape())


def test_a_good_answer_that_the_store_does_not_take_stands_once_it_does() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("cheap", ["cheap"])

    play(scene, replies=[GOOD], plan=Unreachable("store", 0.5, 130.0), shape=shape())


def test_a_long_refused_answer_lies_in_the_bucket() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        [rung] = (await stage.document("r1"))["rungs"]
        assert rung["answer"]["completion"] is None
        assert rung["answer"]["completion_ref"]["uri"]

    play(scene, replies=[Reply(padding=40_000), BAD], shape=shape())


def test_a_long_refused_answer_is_written_without_its_words_where_the_bucket_is_away() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        assert asked(stage) == ["cheap", "dear"]
        [rung] = (await stage.document("r1"))["rungs"]
        assert rung["answer"]["completion"]["text"] == ""

    replies = [Reply(padding=40_000), BAD]
    play(scene, replies=replies, plan=Unreachable("blobs", 0.5, 3_000.0), shape=shape())
