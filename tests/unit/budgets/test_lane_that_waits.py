"""A budget and a lane that waits: a line of a batch holds nothing; whom a budget touches is asked at once."""

from __future__ import annotations

from penstock.money.limits import Limit
from tests.chaos.batch_stage import BATCHES
from tests.chaos.money_stage import money, set_limits, with_budgets
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT

BOTH = with_budgets(BATCHES)


def test_whom_a_budget_touches_is_asked_at_once_and_charged() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("all", "month", None, 1_000_000_000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert [call.target for call in stage.world.ledger.calls] == ["prompt"]
        assert not stage.world.batches.jobs
        budget = (await stage.result("r"))["cost"]["budget"]
        assert budget["charged_usd"] > 0
        account, _ = await money(stage)
        assert account["granted"] - account.get("returned", 0) == round(budget["charged_usd"] * 1e9)

    play(scene, shape=BOTH)


def test_whom_none_touches_waits_for_the_batch() -> None:
    async def scene(stage: Stage) -> None:
        await set_limits(stage.world, Limit("tenant:acme", "month", None, 1_000_000_000))
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        assert [call.target for call in stage.world.ledger.calls] == ["lazy"]

    play(scene, shape=BOTH)
