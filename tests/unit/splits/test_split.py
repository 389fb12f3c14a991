"""Requests of a route that says `split`: the draw, and the whole story. The checker looks on at every end."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from penstock.splits.draw import drawn
from penstock.splits.seam import Splits
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape

CHEAP = Target(name="cheap", provider="openai", model="gpt-5.4-nano")
DEAR = Target(name="dear", provider="openai", model="gpt-5.4-mini")
NAME = "small-enough"


def split(**fields: object) -> Routes:
    body = {"targets": [CHEAP, DEAR], "choose": "split", "experiment": NAME} | fields
    weights = {"weights": {"cheap": 1, "dear": 1}} if "choose" not in fields else {}
    return Routes("a", {"a": Route.model_validate(weights | body)})


def shape(**fields: object) -> Shape:
    return Shape(split(**fields), seed=1, instances=1, seams=(Splits(),))


def of(arm: str, weights: dict[str, float] | None = None) -> str:
    """The id of a request that draws `arm`."""
    ids = (f"r{number}" for number in range(1000))
    return next(
        name for name in ids if drawn(NAME, weights or {"cheap": 1, "dear": 1}, "default", name) == arm
    )


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


def deploy(stage: Stage, routes: Routes) -> None:
    for instance in stage.world.instances:
        object.__setattr__(instance.services, "routes", routes)


@pytest.mark.parametrize(
    "weights", [{"a": 0.5, "b": 0.3, "c": 0.2}, pytest.param({"a": 99, "b": 1}, marks=pytest.mark.slow)]
)
def test_the_shares_of_ten_thousand_ids_are_the_weights(weights: dict[str, float]) -> None:
    counts = Counter(drawn(NAME, weights, "acme", f"order-{number}") for number in range(10_000))
    total = sum(weights.values())
    for arm, weight in weights.items():
        assert counts[arm] / 10_000 == pytest.approx(weight / total, abs=0.01)


@pytest.mark.slow
def test_two_experiments_and_two_tenants_draw_apart() -> None:
    weights = {"a": 1.0, "b": 1.0}
    ids = [f"r{number}" for number in range(2_000)]
    first = [drawn("one", weights, "acme", name) for name in ids]
    for other in (
        [drawn("two", weights, "acme", n) for n in ids],
        [drawn("one", weights, "b", n) for n in ids],
    ):
        same = sum(one == another for one, another in zip(first, other, strict=True))
        assert same / len(ids) == pytest.approx(0.5, abs=0.05)


def test_the_arm_is_asked_and_the_result_says_so_even_where_nothing_was_asked() -> None:
    async def scene(stage: Stage) -> None:
        for arm in ("dear", "cheap"):
            await stage.ask(of(arm))
            await stage.rest()
            result = await stage.result(of(arm))
            assert (result["experiment"], result["arm"], result["target"]) == (NAME, arm, arm)
            assert result["fell_back"] is False
            assert "plan" not in result
            assert "saved_by_lane_usd" not in result["cost"]
        again = next(
            f"s{n}" for n in range(99) if drawn(NAME, {"cheap": 1, "dear": 1}, "default", f"s{n}") == "dear"
        )
        await stage.ask(again)
        await stage.rest()
        hit = await stage.result(again)
        assert (hit["cache"], hit["arm"], hit["fell_back"]) == ("hit", "dear", False)
        assert asked(stage) == ["dear", "cheap"]

    play(scene, shape=shape())


def test_an_answer_of_a_fallback_is_flagged() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask(of("dear"), cache="off")
        await stage.rest()
        result = await stage.result(of("dear"))
        assert (result["arm"], result["target"], result["fell_back"]) == ("dear", "cheap", True)

    play(scene, replies=[Reply("broken", 0.2)], shape=shape(fallback=True))


def test_without_fallback_a_failure_stays_in_its_arm() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask(of("dear"), cache="off")
        await stage.rest()
        assert asked(stage) == ["dear", "dear"]

    play(scene, replies=[Reply("broken", 0.2)], shape=shape())


def test_who_takes_over_stays_in_the_arm_whatever_a_deploy_made_of_the_weights() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask(of("dear"), cache="off")
        await asyncio.sleep(80)
        deploy(stage, split(weights={"cheap": 1e6, "dear": 1e-6}))
        await stage.ask(of("dear"), cache="off")
        await stage.rest()
        assert asked(stage) == ["dear", "dear"]

    play(scene, plan=AtNamed({("provider.complete", 1): Fault.KILL_AFTER}), shape=shape())


def test_a_redrive_stays_in_the_arm_while_the_experiment_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        name = of("dear")
        await stage.ask(name, cache="off")
        await stage.rest()
        assert (await stage.result(name))["arm"] == "dear"
        deploy(stage, split(weights={"cheap": 1e6, "dear": 1e-6}))
        await stage.redrive(name, 1, cache="off")
        await stage.rest()
        assert (await stage.result(name))["arm"] == "dear"
        assert asked(stage) == ["dear", "dear"]

    play(scene, replies=[Reply("rejected", 0.2)], shape=shape())


def test_a_redrive_under_another_experiment_is_drawn_anew() -> None:
    async def scene(stage: Stage) -> None:
        name = of("dear")
        await stage.ask(name, cache="off")
        await stage.rest()
        deploy(stage, split(experiment="another", weights={"cheap": 1e6, "dear": 1e-6}))
        await stage.redrive(name, 1, cache="off")
        await stage.rest()
        assert (await stage.result(name))["experiment"] == "another"
        assert asked(stage) == ["dear", "cheap"]

    play(scene, replies=[Reply("rejected", 0.2)], shape=shape())
