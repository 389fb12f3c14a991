"""The last look before a call: what has come to pass since it was decided on."""

from __future__ import annotations

import asyncio

from penstock.bootstrap import _cut_off
from penstock.targets.routes import Route, Routes
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape


def _one_at_a_time() -> Routes:
    target = ROUTES.routes["one"].targets[0].model_copy(update={"max_concurrency": 1})
    return Routes("one", {"one": Route(targets=[target])})


def test_sigterm_starts_no_call_that_waits_for_a_slot() -> None:
    """§3.9: no new calls. Given a delivery in the gate's queue when SIGTERM comes, I expect no call."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("waits", cache="off")
        await asyncio.sleep(0.5)
        services = stage.world.instances[0].services
        services.draining.set()
        await asyncio.sleep(10)
        assert stage.calls("waits") == 0
        services.draining.clear()

    play(scene, replies=[Reply(takes_s=4)], shape=Shape(_one_at_a_time(), seed=3, instances=1))


def test_past_the_deadline_nothing_is_paid_for_who_waits_for_a_slot() -> None:
    """§2.1: past the deadline nothing is paid any more."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("hurried", cache="off", max_wait_s=2)
        await stage.rest()
        assert stage.calls("hurried") == 0
        assert await stage.reason("hurried") == "deadline_exceeded"

    play(scene, replies=[Reply(takes_s=4)], shape=Shape(_one_at_a_time(), seed=3, instances=1))


def test_who_is_cut_off_in_the_gate_has_not_called() -> None:
    """An attempt that stays open counts as a call; a delivery cut off before its socket made none."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("waits", cache="off")
        await asyncio.sleep(0.5)
        services = stage.world.instances[0].services
        services.draining.set()
        for delivery in services.deliveries:
            delivery.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        services.draining.clear()
        await stage.rest()
        assert stage.calls("waits") == 1
        assert (await stage.result("waits"))["attempts"] == 1

    shape = Shape(_one_at_a_time(), seed=3, instances=1)
    play(scene, replies=[Reply(takes_s=4)], shape=shape, checked=False)


async def test_every_delivery_is_cut_off_though_one_is_ending_already() -> None:
    """§3.9: the rest work until 8 s. One that is over its own time just now must not spare the others."""

    class Few:
        deliveries: list[asyncio.Timeout]

    ended: list[str] = []

    async def delivery(name: str, limits: list[asyncio.Timeout]) -> None:
        try:
            async with asyncio.timeout(30) as limit:
                limits.append(limit)
                try:
                    await asyncio.sleep(60)
                finally:
                    await asyncio.sleep(0.01)  # a provider's client hangs up
        except TimeoutError:
            ended.append(name)

    services = Few()
    limits: list[asyncio.Timeout] = []
    tasks = [asyncio.create_task(delivery(name, limits)) for name in ("ending", "other")]
    await asyncio.sleep(0)
    services.deliveries = limits
    limits[0].reschedule(asyncio.get_running_loop().time())
    await asyncio.sleep(0.001)
    _cut_off(services)  # type: ignore[arg-type]  # all that it looks at
    await asyncio.wait_for(asyncio.gather(*tasks), 2)
    assert sorted(ended) == ["ending", "other"]
