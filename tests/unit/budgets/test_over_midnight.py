"""A hold that is out when a day, or a month, ends: it stays on the day on which it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.money.limits import Limit
from tests.chaos.batch_stage import MIXED
from tests.chaos.lanes_stage import with_every_lane
from tests.chaos.money_stage import money, set_limits, with_budgets
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.chaos.world import Shape
from tests.unit.budgets.test_lane_that_waits import PLENTY, charged_to

EVERY = with_budgets(with_every_lane(Shape(MIXED, seed=1)))
_DAILY = Limit("all", "day", None, 1_000_000_000)


async def _until(stage: Stage, left_s: float, days: int = 1) -> datetime:
    """Sleep until so many seconds before a midnight, which is returned."""
    now = stage.world.clock.now()
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=days)
    await asyncio.sleep((midnight - now).total_seconds() - left_s)
    return midnight


async def _batched(stage: Stage) -> None:
    stage.world.batches.takes_s = 3000
    await stage.ask("r", model="lazy", max_wait_s=PATIENT)


async def _kept(stage: Stage) -> None:
    stage.world.responses.takes_s = 3000
    await stage.ask("r", model="alone")


async def _out(stage: Stage) -> Mapping[str, Any]:
    await asyncio.sleep(5)
    while (await stage.document("r"))["state"] != "sent":
        await asyncio.sleep(5)
    return await stage.document("r")


def _spent(account: Mapping[str, Any], end: str = "") -> int:
    return int(account.get("granted" + end, 0) - account.get("returned" + end, 0))


Begin = Callable[[Stage], Awaitable[None]]
each_lane = pytest.mark.parametrize("begin", [_batched, _kept])


@each_lane
def test_what_is_out_at_midnight_is_charged_to_the_day_on_which_it_was_held(begin: Begin) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _DAILY)
        midnight = await _until(stage, 600)
        await begin(stage)
        document = await _out(stage)
        assert stage.world.clock.now() < midnight
        assert document["holds"][0]["lease_end"] <= midnight
        await stage.rest()
        assert stage.world.clock.now() > midnight
        account, _ = await money(stage)
        charged, unsure = charged_to(await stage.result("r"))
        assert (_spent(account, "_d01"), unsure) == (charged, 0)
        assert "granted_d02" not in account

    play(scene, shape=EVERY)


@each_lane
def test_a_hold_of_the_last_seconds_of_a_day_counts_on_the_next(begin: Begin) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _DAILY)
        # A pile goes out half a minute after a stretch of two and a half: this one near midnight.
        midnight = await _until(stage, 5 if begin is _kept else 125)
        await begin(stage)
        document = await _out(stage)
        assert document["holds"][0]["lease_end"] > midnight
        await stage.rest()
        account, _ = await money(stage)
        assert _spent(account, "_d02") == charged_to(await stage.result("r"))[0] > 0
        assert _spent(account, "_d01") == 0

    play(scene, shape=EVERY)


@pytest.mark.slow  # a month of sweeps
@each_lane
def test_what_is_out_at_a_months_end_is_charged_to_that_month_alone(
    begin: Begin,
) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, PLENTY._replace(nano=2_700_000))
        midnight = await _until(stage, 600, days=31)
        await begin(stage)
        [hold] = (await _out(stage))["holds"]
        before, _ = await money(stage, "all~2026-01")
        assert _spent(before) == hold["nano"]
        await asyncio.sleep((midnight - stage.world.clock.now()).total_seconds() + 30)
        # The new month has all of its budget, whatever is out of the old one.
        await stage.ask("new", "another", model="alone")
        await asyncio.sleep(30)
        assert (await stage.document("new"))["state"] == "sent"
        await stage.rest()
        january, _ = await money(stage, "all~2026-01")
        february, _ = await money(stage, "all~2026-02")
        charged = [charged_to(await stage.result(name))[0] for name in ("r", "new")]
        assert [_spent(january), _spent(february)] == charged

    play(scene, shape=EVERY)


@each_lane
def test_who_waits_for_a_days_money_goes_on_when_the_day_is_over(begin: Begin) -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _DAILY._replace(nano=1_500_000))
        midnight = await _until(stage, 4000)
        stage.world.responses.takes_s = 1e6
        await stage.ask("out", "another", model="alone", max_wait_s=PATIENT)
        await asyncio.sleep(30)
        assert (await stage.document("out"))["state"] == "sent"
        await begin(stage)
        await asyncio.sleep(5)
        stage.world.responses.takes_s = 100
        while (await stage.document("r"))["state"] != "parked":
            await asyncio.sleep(5)
        assert (await stage.document("r"))["lacks"] == "budget"
        document = await _out(stage)
        assert midnight < stage.world.clock.now() < midnight + timedelta(seconds=600)
        assert document["holds"][0]["lease_end"] > midnight
        await stage.rest()

    play(scene, shape=EVERY)
