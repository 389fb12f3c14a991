"""Cascades whose check asks a judge: what it says decides; whoever does not hear it asks the next target."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cascades.judge import grade, question
from penstock.cascades.seam import Cascades
from penstock.messages.request import Request
from penstock.targets.checks import Judge
from penstock.targets.routes import Route, Routes
from tests.chaos.faults import AtNamed, Fault, Plan
from tests.chaos.provider import JUDGE, Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape
from tests.unit.cascades.test_story import CHEAP, DEAR, MIDDLE, asked, booked

BAD = Reply()
THIRD = MIDDLE.model_copy(update={"name": JUDGE})


def shape(at_least: int = 7, **also: Any) -> Shape:
    check = {"judge": {"target": "judge", "at_least": at_least}} | also
    route = {"choose": "cascade", "targets": [CHEAP, DEAR], "checks": {"cheap": check}}
    routes = {"a": Route.model_validate(route), "b": Route(targets=[THIRD])}
    return Shape(Routes("a", routes), seed=1, instances=2, seams=(Cascades(),))


def test_a_good_grade_lets_the_answer_stand_and_the_judge_is_paid() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("cheap", ["cheap", "judge"])
        [judge] = result["cascade"]
        assert (judge["target"], judge["judged"]) == ("judge", "cheap")
        alone = result["cost"]["breakdown"]["answer_usd"]
        assert result["cost"]["usd"] == pytest.approx(alone + judge["usd"])
        assert await booked(stage) == pytest.approx(result["cost"]["usd"])
        await stage.ask("r2")
        await stage.rest()
        hit = await stage.result("r2")
        assert (hit["cache"], hit["cost"]["saved_usd"]) == ("hit", result["cost"]["usd"])

    play(scene, replies=[BAD, Reply(grade="8")], shape=shape())


def test_a_bad_grade_leads_on_and_all_three_are_told() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        result = await stage.result("r1")
        assert (result["target"], asked(stage)) == ("dear", ["cheap", "judge", "dear"])
        refused, judge = result["cascade"]
        assert refused["why"] == "The judge gave it 6 of 10, and 7 are needed."
        assert judge["judged"] == "cheap"
        assert await booked(stage) == pytest.approx(result["cost"]["usd"])

    play(scene, replies=[BAD, Reply(grade="6/10")], shape=shape())


def test_a_judge_that_says_no_grade_or_fails_is_a_no() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        assert asked(stage) == ["cheap", "judge", "dear"]

    for reply in (
        Reply(grade="fine"), Reply("throttled", 0.2), Reply("broken", 0.2), Reply("rejected", 0.2)
    ):  # fmt: skip
        play(scene, replies=[BAD, reply], shape=shape())


def test_what_the_check_refuses_already_is_not_judged() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        assert asked(stage) == ["cheap", "dear"]

    play(scene, shape=shape(one_of=["never"]))


@pytest.mark.parametrize(
    "plan",
    [
        AtNamed({("provider.complete", 2): Fault.KILL_BEFORE}),
        AtNamed({("provider.complete", 2): Fault.KILL_AFTER}),
    ],
)
def test_a_crash_at_the_judge_pays_neither_a_second_time(plan: Plan) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", cache="off")
        await stage.rest()
        assert asked(stage).count("cheap") == 1
        assert asked(stage).count("judge") <= 1
        assert (await stage.result("r1"))["target"] == "dear"

    play(scene, plan=plan, shape=shape())


@pytest.mark.parametrize(
    ("said", "number"),
    [("7", 7), (" 10/10. ", 10), ("0", 0), ("11", None), ("a 7", None), ("", None), ("-3", None)],
)
def test_a_grade_is_one_number_from_0_to_10(said: str, number: int | None) -> None:
    assert grade({"text": said, "finish_reason": "stop"}) == number


def test_what_a_judge_is_asked_holds_question_and_answer_as_material() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r1", said="what is 2+2")
        await stage.rest()

    heard: list[Request] = []
    play(scene, shape=shape(), heard=heard)
    asked_judge = question(Judge(target="judge", at_least=7, about="sums."), heard[0], {"text": "4"})
    assert "what is 2+2" in asked_judge.messages[1]["content"]
    assert "What counts: sums." in asked_judge.messages[0]["content"]
    assert heard[1].messages[0]["role"] == "system"
