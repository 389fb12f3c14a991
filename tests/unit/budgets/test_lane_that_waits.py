"""A budget and a lane that waits: each line of a batch has a hold of its own, and is charged what it cost."""

from __future__ import annotations

import asyncio

from penstock.money.limits import Limit
from tests.chaos.batch_stage import BATCHES
from tests.chaos.money_stage import money, set_limits, with_budgets
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT

BOTH = with_budgets(BATCHES)
_PLENTY = Limit("all", "month", None, 1_000_000_000)


async def counted(stage: Stage) -> int:
    """What the month's account says is spent or held."""
    account, _ = await money(stage)
    return int(account["granted"] - account.get("returned", 0))


def test_whom_a_budget_touches_goes_out_with_a_hold_and_is_charged_what_its_line_cost() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, _PLENTY)
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        while not stage.world.batches.jobs:
            await asyncio.sleep(5)
        sent = [await stage.document(name) for name in ("r", "s")]
        assert [fields["state"] for fields in sent] == ["sent", "sent"]
        held = sum(fields["holds"][0]["nano"] for fields in sent)
        assert await counted(stage) == held
        await stage.rest()
        assert [call.target for call in stage.world.ledger.calls] == ["lazy", "lazy"]
        receipts = [(await stage.result(name))["cost"] for name in ("r", "s")]
        charged = sum(cost["budget"]["charged_usd"] for cost in receipts)
        assert charged == sum(cost["usd"] for cost in receipts) > 0
        assert [cost["budget"]["unsure_usd"] for cost in receipts] == [0, 0]
        assert await counted(stage) == round(charged * 1e9) < held

    play(scene, shape=BOTH)


def test_whom_none_touches_waits_for_the_batch() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("tenant:acme", "month", None, 1_000_000_000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert [call.target for call in stage.world.ledger.calls] == ["lazy"]
        assert await stage.world.store.scan("allotments", after="", limit=9, timeout_s=8) == []

    play(scene, shape=BOTH)
