"""Requests of a route that says `cheapest`, through the whole story. The checker looks on at every end."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from penstock.lanes.seam import Lanes
from penstock.paths import speed_path
from penstock.ports import Put
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.world import Shape

USUAL = Target(name="usual", provider="openai", model="gpt-5.4-nano")
FLEX = Target(name="flex", provider="openai", model="gpt-5.4-nano", service_tier="flex")


def shape(**fields: object) -> Shape:
    route = Route.model_validate({"targets": [USUAL, FLEX], "choose": "cheapest"} | fields)
    routes = Routes("a", {"a": route})
    return Shape(routes, seed=1, instances=1, seams=(Lanes(routes),))


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


def test_who_can_wait_pays_less_and_who_says_nothing_does_not_wait() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("patient", cache="off", max_wait_s=7200)
        await stage.rest()
        await stage.ask("usual", cache="off")
        await stage.rest()
        assert asked(stage) == ["flex", "usual"]
        result = await stage.result("patient")
        plan = result["plan"]
        assert (result["lane"], plan["lane"]) == ("sync", "sync")
        assert 0 < plan["predicted_usd"] < plan["list_usd"]
        assert plan["p_in_time"] >= 0.95
        # The model names no tier here, so the standard one is what was paid
        assert result["cost"]["saved_by_lane_usd"] == 0

    play(scene, shape=shape())


def test_a_routes_patience_speaks_for_who_says_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert asked(stage) == ["flex"]

    play(scene, shape=shape(patience=7200.0))


def test_a_deadline_that_is_near_goes_to_who_is_fastest() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=20)
        await stage.rest()
        assert asked(stage) == ["usual"]
        assert (await stage.result("r"))["plan"]["p_in_time"] < 0.95

    play(scene, shape=shape())


def test_a_failure_goes_on_only_where_fallback_says_so() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=7200)
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        targets.append(asked(stage))

    targets: list[list[str]] = []
    play(scene, replies=[Reply("broken", 0.2)], shape=shape(fallback=True))
    play(scene, replies=[Reply("broken", 0.2)], shape=shape())
    assert targets == [["flex", "usual"], ["flex", "flex"]]


def test_the_plan_is_kept_by_who_takes_over_whatever_it_would_plan_itself() -> None:
    """The same question once more, in a hurry, finds a lease that ran out: the record's plan goes before."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=7200)
        await asyncio.sleep(80)
        await stage.ask("r", cache="off", max_wait_s=20)
        await stage.rest()
        assert asked(stage) == ["flex", "flex"]
        assert (await stage.document("r"))["takeovers"] == 1

    play(scene, plan=AtNamed({("provider.complete", 1): Fault.KILL_AFTER}), shape=shape())


def test_another_plans_cache_does_not_answer_who_is_taken_over() -> None:
    """Taken over by a message that would plan another model, whose answer the cache has."""

    async def scene(stage: Stage) -> None:
        await stage.ask("hurried", max_wait_s=20)
        await stage.rest()
        await stage.ask("r", max_wait_s=7200)
        await asyncio.sleep(80)
        await stage.ask("r", max_wait_s=20)
        await stage.rest()
        assert asked(stage) == ["usual", "flex", "flex"]
        assert (await stage.result("r"))["cache"] == "miss"

    larger = USUAL.model_copy(update={"model": "gpt-5.4-mini"}).model_dump()
    plan = AtNamed({("provider.complete", 2): Fault.KILL_AFTER})
    play(scene, plan=plan, shape=shape(targets=[larger, FLEX.model_dump()]))


def test_who_waits_goes_on_as_planned_whatever_a_deploy_made_of_the_route() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=7200)
        await asyncio.sleep(5)
        route = Route(targets=[USUAL, FLEX])
        for instance in stage.world.instances:
            object.__setattr__(instance.services, "routes", Routes("a", {"a": route}))
        await stage.rest()
        assert asked(stage) == ["flex", "flex", "flex", "flex"]

    replies = [Reply("throttled", 0.1)] * 3
    play(scene, replies=replies, shape=shape())


def test_the_cache_needs_no_plan() -> None:
    async def scene(stage: Stage) -> None:
        for request_id in ("first", "second"):
            await stage.ask(request_id, max_wait_s=7200)
            await stage.rest()
        result = await stage.result("second")
        assert result["cache"] == "hit"
        assert {"plan", "lane"} & result.keys() == set()
        assert "saved_by_lane_usd" not in result["cost"]

    play(scene, shape=shape())


def test_a_redrive_is_planned_anew() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off", max_wait_s=20)
        await asyncio.sleep(120)
        await stage.redrive("r", 1, cache="off", max_wait_s=20)
        await stage.rest()
        assert asked(stage)[0] == "usual"
        assert asked(stage)[-1] == "flex"

    play(scene, replies=[Reply("throttled", 0.1)] * 6, shape=shape())


def test_what_the_targets_do_is_told_to_all_once_in_a_while() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(3):
            await stage.ask(f"r{number}", cache="off", max_wait_s=7200)
            await asyncio.sleep(100)
        [found] = await stage.world.store.read([speed_path("flex")], timeout_s=5)
        assert found.fields is not None
        assert found.fields["target"] == "flex"
        assert 1.9 < sum(found.fields["counts"].values()) <= 2

    play(scene, shape=shape())


def test_a_speed_that_cannot_be_read_counts_as_unknown_and_is_written_anew() -> None:
    async def scene(stage: Stage) -> None:
        await stage.world.store.commit([Put(speed_path("flex"), {"counts": "none"})], timeout_s=5)
        for number in range(3):
            await stage.ask(f"r{number}", cache="off", max_wait_s=7200)
            await asyncio.sleep(100)
        assert asked(stage) == ["flex"] * 3
        assert stage.log("speed.unreadable")
        [found] = await stage.world.store.read([speed_path("flex")], timeout_s=5)
        assert 1.9 < sum((found.fields or {})["counts"].values()) <= 2

    play(scene, shape=shape())


def test_a_deployment_that_plans_nothing_loads_nothing_of_it() -> None:
    code = (
        "import sys; from penstock.bootstrap import build; from penstock.settings import read_settings; "
        "s = build(read_settings({'PENSTOCK_LOCAL': 'unused'})); import penstock.requests.handle; "
        "print(s.seams, [m for m in sys.modules if 'lanes' in m or 'split' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "() []\n"
