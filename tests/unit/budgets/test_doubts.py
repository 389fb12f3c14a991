"""What was charged for calls that may have been paid: its day's bill lets it stay, or brings it back once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.biller import Account
from penstock.bills.story import reconciled
from penstock.budgets.deciding import Billed, decide
from penstock.budgets.standing import limits_of, standing
from penstock.money.limits import Limit
from penstock.ports import Create, Put
from tests.chaos.bill_stage import Later, SimBill, compared
from tests.chaos.faults import Unreachable
from tests.chaos.loop import EPOCH
from tests.chaos.money_stage import BUDGETS, money, set_limits
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play

_PLENTY = Limit("all", "month", None, 1_000_000_000)
_ONE = replace(BUDGETS, instances=1)
_BROKEN = Reply("broken", 0.2)
_DAY = EPOCH.date()


async def _counted(stage: Stage) -> int:
    account, _ = await money(stage)
    return int(account["granted"] - account.get("returned", 0))


async def _doubts(stage: Stage) -> list[Mapping[str, Any]]:
    found = await stage.world.store.scan("doubts", after="", limit=99, timeout_s=8)
    return [each.fields or {} for each in found]


def _unpaid(stage: Stage, *numbers: int) -> None:
    """The provider found these calls of no worth: they are on no bill."""
    for number in numbers:
        stage.world.ledger.calls[number].paid = False


async def _asked(stage: Stage, *bodies: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Requests, one after the other; what each result says of the budget."""
    await set_limits(stage.world, _PLENTY)
    told = []
    for number, body in enumerate(bodies):
        await stage.ask(f"r{number}", **{"said": f"question {number}", **body})
        await stage.rest()
        told.append((await stage.result(f"r{number}"))["cost"]["budget"])
    return told


def test_what_is_not_on_the_bill_comes_back_once() -> None:
    async def scene(stage: Stage) -> None:
        [budget] = await _asked(stage, {})
        charged, unsure = (round(budget[f"{name}_usd"] * 1e9) for name in ("charged", "unsure"))
        assert await _counted(stage) == charged
        _unpaid(stage, 0)
        first = await compared(stage.world)
        assert (first.kept, first.released, first.released_nano) == (0, 1, unsure)
        assert await _counted(stage) == charged - unsure
        again = await compared(stage.world)
        assert (again.released, await _counted(stage)) == (1, charged - unsure)

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_what_is_on_the_bill_stays_charged_whatever_a_later_one_says() -> None:
    async def scene(stage: Stage) -> None:
        await _asked(stage, {})
        charged = await _counted(stage)
        first = await compared(stage.world)
        assert (first.upheld, first.kept, first.released) == (1, 1, 0)
        assert (await compared(stage.world, SimBill(stage.world, unbilled={0}))).kept == 1
        assert await _counted(stage) == charged

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_what_was_released_and_is_billed_late_is_charged_again_once() -> None:
    async def scene(stage: Stage) -> None:
        await _asked(stage, {})
        charged = await _counted(stage)
        account, _ = await money(stage)
        await compared(stage.world, SimBill(stage.world, unbilled={0}), days_later=2)
        for _ in range(2):
            late = await compared(stage.world)
            assert (late.kept, late.released) == (1, 0)
            assert await _counted(stage) == charged
        after, _ = await money(stage)
        assert after["granted"] > account["granted"]  # no counter is ever taken back

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_of_several_the_dearest_stay() -> None:
    async def scene(stage: Stage) -> None:
        told = await _asked(stage, {"said": "long " * 200}, {"said": "short"})
        dear, cheap = (round(budget["unsure_usd"] * 1e9) for budget in told)
        assert dear > cheap
        _unpaid(stage, 2)
        found = await compared(stage.world)
        assert (found.kept, found.released, found.released_nano) == (1, 1, cheap)

    play(scene, shape=_ONE, replies=[_BROKEN, Reply(), _BROKEN])


def test_a_call_just_before_midnight_may_be_on_the_next_days_bill() -> None:
    async def scene(stage: Stage) -> None:
        # Given ten minutes to midnight, and a bill that dates calls by their end
        await stage.ask("early", "another question", cache="off")
        now = stage.world.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        await asyncio.sleep((midnight - now).total_seconds() - 600)
        await _asked(stage, {})
        charged = await _counted(stage)
        found = await compared(stage.world, SimBill(stage.world, moved_s=1200))
        assert (found.kept, await _counted(stage)) == (1, charged)

    play(scene, shape=_ONE, replies=[Reply(), _BROKEN])


def test_a_bill_that_lacks_answered_calls_decides_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await _asked(stage, {}, {})
        charged = await _counted(stage)
        found = await compared(stage.world, SimBill(stage.world, unbilled={0, 1}))
        assert (found.kept, found.released, await _counted(stage)) == (0, 0, charged)

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_a_day_whose_figures_may_be_late_decides_nothing_yet() -> None:
    async def scene(stage: Stage) -> None:
        [budget] = await _asked(stage, {"max_wait_s": 40})
        assert budget["unsure_usd"] > 0
        _unpaid(stage, *range(stage.calls()))
        assert (await compared(stage.world, days_later=2)).released == 0
        assert (await compared(stage.world, days_later=7)).released > 0
        assert await _counted(stage) == 0

    play(scene, shape=_ONE, always=_BROKEN)


def test_where_nobody_says_whose_calls_are_billed_nothing_is_decided() -> None:
    async def scene(stage: Stage) -> None:
        await _asked(stage, {})
        s = replace(stage.world.operator, clock=Later(stage.world.clock, 8))
        bill = SimBill(stage.world, unbilled={0})
        assert (await reconciled(s, Account("sim", "openai"), bill, _DAY)).released == 0
        assert (await reconciled(s, Account("sim", "openai", targets=frozenset({"z"})), bill, _DAY)).kept == 0
        assert [doubt["outcome"] for doubt in await _doubts(stage)] == ["open"]

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_there_is_a_doubt_for_each_charge_that_may_be_none_and_for_no_other() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r")
        await asyncio.sleep(10)
        # Given a request that was put aside after two calls, its charge is in doubt at once
        assert (await stage.document("r"))["state"] == "parked"
        document = await stage.document("r")
        [first, second] = await _doubts(stage)
        assert first["nano"] + second["nano"] == document["charged"]
        assert {first["target"], second["target"]} == {"a"}
        await stage.rest()
        assert len(await _doubts(stage)) == 2
        unsure = round((await stage.result("r"))["cost"]["budget"]["unsure_usd"] * 1e9)
        assert unsure == first["nano"] + second["nano"]

    play(scene, shape=_ONE, replies=[_BROKEN, _BROKEN])


@pytest.mark.parametrize("kind", ["withheld", "filtered"])
def test_no_bill_decides_about_a_call_that_surely_was_made(kind: Any) -> None:
    async def scene(stage: Stage) -> None:
        await _asked(stage, {})
        assert await _doubts(stage) == []

    play(scene, shape=_ONE, replies=[Reply(kind)])


def test_what_is_unsure_stands_apart_until_it_is_decided() -> None:
    async def scene(stage: Stage) -> None:
        [budget] = await _asked(stage, {})
        unsure = round(budget["unsure_usd"] * 1e9)
        s = stage.world.operator

        async def look() -> tuple[int, int, int]:
            [one] = await standing(s, await limits_of(s, None), _DAY)
            return one.spent, one.unsure, one.used

        spent, apart, used = await look()
        assert (apart, spent + apart) == (unsure, used)
        _unpaid(stage, 0)
        await compared(stage.world)
        assert await look() == (spent, 0, spent)

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_what_nobody_granted_does_not_come_back() -> None:
    async def scene(stage: Stage) -> None:
        s = stage.world.operator
        at = datetime(2026, 1, 1, 12, tzinfo=UTC)
        account = {"accounts": ["accounts/all~2026-01"], "day": "2026-01-01", "model": "m"}
        # Given two holds, of which only one was granted before the holder of both died
        drawn = {"granted": 7, "returned": 0, "closed": 0}
        doubts = [
            Create(f"doubts/2026-01-01~{nano}", {
                "target": "t", "at": at, "nano": nano, "allotment": "a", "outcome": "open"
            })
            for nano in (5, 7)
        ]  # fmt: skip
        await s.store.commit(
            [Put("allotments/a", account | drawn), Put("allotments/a/drawn/0", {"nano": 12}), *doubts],
            timeout_s=8,
        )

        async def returned() -> int:
            [found] = await s.store.read(["accounts/all~2026-01"], timeout_s=8)
            fields = found.fields or {}
            return int(fields.get("returned", 0) - fields.get("granted", 0))

        await decide(s, at.date(), {"t": Billed(1)})
        assert await returned() == 0  # 7 stay charged, and no more were granted
        await asyncio.gather(*(decide(s, at.date(), {"t": Billed(0)}) for _ in range(3)))
        assert await returned() == 0  # what was upheld stays

    play(scene, shape=_ONE, checked=False)


def test_two_who_decide_at_once_move_the_counters_once() -> None:
    async def scene(stage: Stage) -> None:
        [budget] = await _asked(stage, {})
        left = round((budget["charged_usd"] - budget["unsure_usd"]) * 1e9)
        _unpaid(stage, 0)
        await asyncio.gather(*(compared(stage.world) for _ in range(3)))
        assert await _counted(stage) == left

    play(scene, shape=_ONE, replies=[_BROKEN])


def test_an_answer_that_came_late_is_no_reason_to_release_its_own_charge() -> None:
    async def scene(stage: Stage) -> None:
        # Given an answer that the store does not take, and that whoever comes after finds in the bucket
        await _asked(stage, {})
        charged = await _counted(stage)
        assert (stage.calls(), [doubt["outcome"] for doubt in await _doubts(stage)]) == (1, ["open"])
        # Then our ledger has one answered call, and one that may have been paid: the bill's one call is both
        found = await compared(stage.world)
        assert (found.kept, found.released, await _counted(stage)) == (1, 0, charged)

    play(scene, shape=_ONE, always=Reply("ok", 10.0), plan=Unreachable("store.commit", 5, 140))
