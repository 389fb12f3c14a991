"""The end of an allotment, of a holder, of a day: what is held then, and what is charged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.budgets.closing import Closing
from penstock.budgets.held import charge, decided, let_go, with_hold, with_outcome
from penstock.budgets.receipt import with_receipt
from penstock.messages.hold import OPEN, PAID, UNSURE, VOID, Hold
from penstock.money.limits import Limit
from penstock.ports import Create
from penstock.timing import Timing
from tests.chaos.money_checker import bill
from tests.chaos.money_stage import BUDGETS, money, set_limits
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.unit.requests.records import record

_PLENTY = Limit("all", "month", None, 1_000_000_000)
_ONE = replace(BUDGETS, instances=1)
#: The last moment at which a pool that began with the first request is drawn from.
_LATE_S = Timing().allotment_s - Timing().allotment_reserve_s - 2
RECORD = record()
_BROKEN = Reply("broken", 0.2)


def test_an_allotment_is_not_closed_while_a_call_under_it_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await asyncio.sleep(30)
        await stage.ask("first")
        await asyncio.sleep(_LATE_S)
        await stage.ask("late", "another question")
        await asyncio.sleep(50)  # a sweep has been there since the end of the lease
        document, (_, allotments) = await stage.document("late"), await money(stage)
        assert document["state"] == "leased"
        assert [allotment.get("closed") for allotment in allotments] == [None]

    play(scene, shape=_ONE, replies=[Reply(), Reply("ok", 59.0)] * 2)


def test_a_hold_that_is_written_after_the_end_of_its_lease_is_void() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("first")
        await asyncio.sleep(_LATE_S)
        await stage.ask("late", "another question")
        stage.world.instances[0].pause(20)  # the claim is under way, and shorter than its own lease
        await stage.rest()
        budget = (await stage.result("late"))["cost"]["budget"]
        account, allotments = await money(stage)
        assert len(allotments) == 2
        assert len((await stage.document("late"))["attempts"]) == 1
        assert budget["unsure_usd"] == 0
        assert account["granted"] - account["returned"] == 2 * round(1e9 * budget["charged_usd"])

    play(scene, shape=_ONE)


def test_who_disappears_with_a_void_hold_has_called_nobody() -> None:
    ends = datetime(2026, 11, 21, tzinfo=UTC)
    held, _ = with_hold(RECORD, Hold("a", 5, ends))
    in_time, late = (held._replace(held_at=ends - timedelta(seconds=by)) for by in (1, 0))
    outcomes = [hold.outcome for each in (in_time, late) for hold in decided(each).holds or ()]
    assert outcomes == [UNSURE, VOID]
    assert (charge(in_time), charge(late)) == (5, 0)


def test_another_allotment_charges_the_one_before() -> None:
    ends = datetime(2026, 11, 21, tzinfo=UTC)
    held, none = with_hold(RECORD, Hold("a", 5, ends))
    moved, [charged] = with_hold(held._replace(held_at=ends - timedelta(1)), Hold("b", 7, ends))
    assert none == []
    assert charged.path.startswith("allotments/a/drawn/")
    assert (moved.holding, moved.charged, [hold.outcome for hold in moved.holds or ()]) == ("b", 5, [OPEN])


def test_what_was_perhaps_paid_is_charged_when_the_request_is_put_aside() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await asyncio.sleep(10)
        parked = await stage.document("r1")
        assert parked["state"] == "parked"
        assert "holding" not in parked
        assert parked["charged"] > 0
        await stage.rest()
        account, _ = await money(stage)
        evidence = await stage.evidence()
        assert account["granted"] - account["returned"] > bill(evidence)

    play(scene, shape=BUDGETS, replies=[_BROKEN, _BROKEN])


def test_a_receipt_knows_what_was_paid_before_it_was_put_aside() -> None:
    # Given a refused answer that was paid, and a call that timed out, both let go of before the last call
    ends = datetime(2026, 11, 21, tzinfo=UTC)
    held, _ = with_hold(RECORD, Hold("a", 50, ends))
    held, _ = with_hold(with_outcome(held, PAID, 9), Hold("a", 70, ends))
    free, _ = let_go(with_outcome(held, UNSURE))
    last, _ = with_hold(free, Hold("b", 100, ends))
    told = with_receipt(with_outcome(last, PAID, 30)._replace(result={"cost": {}})).result
    assert told is not None
    assert told["cost"]["budget"] == {"held_usd": 100e-9, "charged_usd": 109e-9, "unsure_usd": 70e-9}


def test_an_allotment_whose_time_is_not_over_is_left_alone() -> None:
    async def scene(stage: Stage) -> None:
        s = stage.world.operator
        now = stage.world.clock.now()
        due_at = f"00:{now - timedelta(seconds=9):%Y-%m-%dT%H:%M:%SZ}"
        account = {"accounts": ["accounts/all~2026-01"], "day": "2026-01-01", "model": "m"}
        money = {"granted": 9, "returned": 0, "lease_end": now + timedelta(seconds=90)}
        fields = account | money | {"due_at": due_at}
        await s.store.commit([Create("allotments/a", fields)], timeout_s=8)
        await Closing().keep(s)
        [found] = await s.store.read(["allotments/a"], timeout_s=8)
        assert "closed" not in (found.fields or {})
        assert (found.fields or {})["due_at"] > due_at

    play(scene, shape=BUDGETS, checked=False)


def test_the_end_of_an_instance_gives_back_what_it_holds_for_nobody() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        for number in range(4):
            await stage.ask(f"r{number}", f"question {number}")
        await asyncio.sleep(5)
        before, _ = await money(stage)
        stage.caller().terminate()
        await asyncio.sleep(5)
        after, _ = await money(stage)
        assert after.get("returned", 0) > before.get("returned", 0)

    play(scene, shape=_ONE)


def _told(result: Mapping[str, Any]) -> tuple[float, float]:
    budget = result["cost"]["budget"]
    return budget["charged_usd"], budget["unsure_usd"]


def test_who_is_answered_by_another_says_what_its_own_call_was_charged() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await asyncio.sleep(10)
        charged = (await stage.document("r1"))["charged"] / 1e9
        await stage.ask("r2", cache="refresh")
        await stage.rest()
        result = await stage.result("r1")
        assert result["cache"] == "hit"
        assert _told(result) == (charged, charged) > (0, 0)

    play(scene, shape=BUDGETS, replies=[_BROKEN, _BROKEN])


def test_whose_holder_died_and_who_is_answered_by_another_says_what_it_held() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        await asyncio.sleep(5)
        held = (await stage.document("r1"))["holds"][0]["nano"] / 1e9
        stage.caller().kill()
        await stage.ask("r2", cache="refresh")
        await stage.rest()
        result = await stage.result("r1")
        assert result["cache"] == "hit"
        assert _told(result) == (held, held)

    play(scene, shape=BUDGETS, replies=[Reply("ok", 50.0)])


def test_whose_time_is_over_says_what_it_was_charged() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1", max_wait_s=15)
        await stage.rest()
        result = await stage.result("r1")
        assert result["error"]["reason"] == "deadline_exceeded"
        assert _told(result)[0] == _told(result)[1] > 0

    play(scene, shape=BUDGETS, always=_BROKEN)


def test_who_lost_three_holders_says_what_they_held() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r1")
        for call in range(1, 4):
            while stage.calls() < call:
                await asyncio.sleep(5)
            stage.caller().kill()
        await stage.rest()
        assert stage.calls() == 3
        charged, unsure = _told(await stage.result("r1"))
        assert charged == unsure > 0

    play(scene, shape=BUDGETS, always=Reply("ok", 50.0))
