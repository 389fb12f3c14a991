"""At most six tries, spread over a quarter of an hour, however a call ends and whoever made it."""

from __future__ import annotations

import asyncio

from penstock.targets.routes import Route, Routes
from tests.chaos.faults import AtNamed, Fault
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def _three() -> Routes:
    first = ROUTES.routes["one"].targets[0]
    targets = [first.model_copy(update={"name": name, "model": f"model-{name}"}) for name in "abc"]
    return Routes("one", {"one": Route(targets=targets, fallback=True)})


def test_calls_that_are_cut_off_count_as_tries() -> None:
    """§3.6: at most 6 tries. Given calls that SIGTERM cuts off every time, I expect an end."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        services = stage.world.instances[0].services
        for _ in range(12):
            await asyncio.sleep(130)
            for delivery in services.deliveries:
                delivery.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(5)
        await stage.rest()
        assert stage.calls() <= 6
        assert await stage.reason("r") == "attempts_exhausted"

    target = ROUTES.routes["one"].targets[0].model_copy(update={"timeout_s": 400.0})
    routes = Routes("one", {"one": Route(targets=[target])})
    replies = [Reply(takes_s=390)] * 12
    play(scene, replies=replies, shape=Shape(routes, seed=3, instances=1), checked=False)


def test_a_poisonous_reply_is_not_paid_for_ever_because_a_429_comes_between() -> None:
    """§3.6: a claim without an outcome counts as a call of unknown outcome."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        paid = sum(call.paid for call in stage.world.ledger.calls)
        assert paid <= 6

    # A death, then as many refusals as it takes to be put aside: that forgets the take-over.
    deaths = AtNamed({("provider.complete", nth): Fault.KILL_AFTER for nth in range(1, 80, 4)})
    replies = [Reply(), *[Reply("throttled", 0.1)] * 3] * 20
    play(scene, replies=replies, plan=deaths, shape=ALONE)


def test_fallback_tries_are_spread_over_a_quarter_of_an_hour_too() -> None:
    """§3.6: at most 6 tries spread over at least 15 minutes unless the deadline is sooner."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        calls = stage.world.ledger.calls
        assert calls[-1].at - calls[0].at >= 900

    play(scene, always=Reply("broken", 0.2), shape=Shape(_three(), seed=3, instances=1))
