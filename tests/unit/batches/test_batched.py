"""Requests that wait for a batch, through the whole story. The checker looks on at every end."""

from __future__ import annotations

import asyncio

from tests.chaos.batch_stage import BATCHES, PATIENT
from tests.chaos.stage import Stage, play


def asked(stage: Stage) -> list[str]:
    return [call.target for call in stage.world.ledger.calls]


def test_who_can_wait_is_answered_by_a_batch_at_half_the_price() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await asyncio.sleep(60)
        assert (await stage.document("r"))["state"] == "queued"
        await stage.rest()
        assert asked(stage) == ["lazy", "lazy"]
        assert len(stage.world.batches.jobs) == 1
        result = await stage.result("r")
        assert (result["lane"], result["plan"]["lane"]) == ("batch", "batch")
        assert result["cost"]["saved_by_lane_usd"] == result["cost"]["usd"] > 0
        assert result["attempts"] == 1

    play(scene, shape=BATCHES)
