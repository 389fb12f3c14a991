"""What stands of a budget: spent and held apart, while calls go on and at rest."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from penstock.budgets.accounts import touched
from penstock.budgets.outstanding import Outstanding, counted_under
from penstock.budgets.standing import Standing, limits_of, standing
from penstock.money.limits import Limit
from tests.chaos.money_stage import BUDGETS, set_limits
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play

_DAY = date(2026, 1, 31)
_ALL = Limit("all", "month", None, 1_000_000_000)


async def _look(stage: Stage) -> Standing:
    s = stage.world.operator
    [one] = await standing(s, await limits_of(s, None), s.clock.now().date())
    return one


def test_what_is_held_becomes_what_is_spent() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _ALL)
        await stage.ask("first", "another question")
        await asyncio.sleep(40)
        await stage.ask("r")
        await asyncio.sleep(10)
        charged = round(1e9 * (await stage.result("first"))["cost"]["budget"]["charged_usd"])
        under_way = await _look(stage)
        assert under_way.spent == charged
        assert under_way.held >= (await stage.document("r"))["holds"][0]["nano"]
        await stage.rest()
        charged += round(1e9 * (await stage.result("r"))["cost"]["budget"]["charged_usd"])
        at_rest = await _look(stage)
        assert (at_rest.held, at_rest.spent, at_rest.used) == (0, charged, charged)

    play(scene, shape=BUDGETS, always=Reply("ok", 30.0))


@pytest.mark.parametrize(
    ("limit", "held"),
    [
        (_ALL, 7),
        (_ALL._replace(period="day"), 4),
        (_ALL._replace(model="m"), 7),
        (_ALL._replace(model="n"), 0),
        (_ALL._replace(scope="tenant:acme"), 0),
    ],
)
def test_what_is_held_counts_where_it_was_drawn(limit: Limit, held: int) -> None:
    def drawn(day: date, nano: int) -> Outstanding:
        return Outstanding(touched([_ALL], day, "m"), nano)

    now = [drawn(_DAY, 4), drawn(date(2026, 1, 30), 3), drawn(date(2026, 2, 1), 9)]
    assert counted_under(limit, _DAY, now) == held
