"""Requests that a comparison pins to a target. The checker looks on at every end."""

from __future__ import annotations

import asyncio
import json

import pytest

from penstock.lanes.seam import Lanes
from penstock.messages.pin import pin
from penstock.splits.seam import Splits
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape

CHEAP = Target(name="cheap", provider="openai", model="gpt-5.4-nano")
DEAR = Target(name="dear", provider="openai", model="gpt-5.4-mini")
WAITS = Target(name="waits", provider="openai", model="gpt-5.4-nano", lane="batch", max_output=10)
SPLIT = {"choose": "split", "experiment": "e", "weights": {"cheap": 1e6, "dear": 1e-6}}
ROUTES = Routes(
    "ordered",
    {
        "ordered": Route(targets=[CHEAP, DEAR], fallback=True),
        "split": Route.model_validate({"targets": [CHEAP, DEAR], **SPLIT}),
        "cheapest": Route(targets=[WAITS, CHEAP], choose="cheapest"),
    },
)
SHAPE = Shape(ROUTES, seed=1, instances=1, seams=(Lanes(ROUTES), Splits()))


async def ask(stage: Stage, request_id: str, target: str, **body: object) -> None:
    whole = {"prompt": "hello", "request_id": request_id} | body
    await stage.world.publish(json.dumps(whole).encode(), pin(target, "cmp-1"))


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


@pytest.mark.parametrize("route", ["ordered", "split", "cheapest"])
def test_the_target_that_is_named_answers_whatever_the_route_would_choose(route: str) -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r", "dear", model=route)
        await stage.rest()
        result = await stage.result("r")
        assert (result["target"], result["experiment"], result["arm"]) == ("dear", "cmp-1", "dear")
        assert result["fell_back"] is False

    play(scene, shape=SHAPE)


def test_nobody_else_is_asked_when_it_fails_and_a_redrive_stays_with_it() -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r", "dear", cache="off")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "failed"
        whole = {"prompt": "hello", "cache": "off"}
        await stage.redrive("r", 1, **whole)
        await stage.rest()
        assert asked(stage) == ["dear", "dear"]

    play(scene, replies=[Reply("rejected", 0.2)], shape=SHAPE)


def test_who_takes_over_stays_with_it() -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r", "dear", cache="off")
        await asyncio.sleep(80)
        await stage.rest()
        assert asked(stage) == ["dear", "dear"]

    play(scene, plan=AtNamed({("provider.complete", 1): Fault.KILL_AFTER}), shape=SHAPE)


@pytest.mark.parametrize("target", ["nobody", "waits"])
def test_a_target_that_cannot_answer_is_refused(target: str) -> None:
    async def scene(stage: Stage) -> None:
        await ask(stage, "r", target)
        await stage.rest()
        assert asked(stage) == []
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert "penstock_target must name a target" in letter.attributes["error"]

    play(scene, shape=SHAPE, checked=False)  # the checker takes what is well-formed for a request
