"""The next day's allotment, drawn ahead: by whom, when, and how much of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from penstock.money.limits import Limit
from tests.chaos.money_stage import BUDGETS, money, set_limits
from tests.chaos.stage import Stage, play

_PLENTY = Limit("all", "month", None, 1_000_000_000)


async def _days(stage: Stage) -> set[str]:
    """The days that anything was drawn for."""
    _, allotments = await money(stage)
    return {allotment["day"] for allotment in allotments}


@pytest.mark.slow  # a month of sweeps
def test_the_next_months_first_allotments_are_drawn_ahead_each_at_its_own_moment() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        now = stage.world.clock.now()
        midnight = datetime(now.year, now.month, 1, tzinfo=UTC) + timedelta(days=31)
        await asyncio.sleep((midnight - now).total_seconds() - 80)
        drawn: dict[int, float] = {}  # how many, and how long before the end
        for number in range(70):  # until ten seconds before, when a hold counts on the next day anyway
            await stage.ask(f"r{number}", f"question {number}", cache="off")
            await asyncio.sleep(0.97)
            _, allotments = await money(stage, "all~2026-01")
            ahead = [each for each in allotments if each["day"] == "2026-02-01" and each["granted"]]
            drawn.setdefault(len(ahead), (midnight - stage.world.clock.now()).total_seconds())
        account, _ = await money(stage, "all~2026-02")
        assert max(drawn) == 2
        assert 70 >= drawn[1] > drawn[2] + 5 > 15
        assert account["granted"] < 1_000_000_000 / 16
        await stage.rest()

    play(scene, shape=replace(BUDGETS, instances=2))


def test_who_comes_alone_before_midnight_draws_nothing_ahead() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        now = stage.world.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        await asyncio.sleep((midnight - now).total_seconds() - 70)
        for number in range(5):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
            await asyncio.sleep(11)
        assert await _days(stage) == {"2026-01-01"}
        for number in range(5, 8):
            await stage.ask(f"r{number}", f"question {number}", cache="off")
            await asyncio.sleep(1)
        assert await _days(stage) == {"2026-01-01", "2026-01-02"}

    play(scene, shape=replace(BUDGETS, instances=1))
