"""A run whose members wait for a batch, and the operator's word to one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.batches import record as kept_as
from penstock.batches.record import CLOSED, Batch
from penstock.messages.completion import BlobRef
from penstock.ports import Put
from penstock.runs.message import Verb
from penstock_ops.batching.cancelled import cancel
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import open_system
from tests.chaos.batch_stage import BATCHED, with_batches
from tests.chaos.run_stage import outcome, start, tell, with_runs
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.chaos.world import Shape

LATER = datetime(2036, 1, 1, tzinfo=UTC)


def test_members_of_a_run_that_has_ended_are_not_sent() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "n", [{"text": "a"}, {"text": "b"}], max_wait_s=PATIENT)
        await asyncio.sleep(60)
        found = await stage.world.store.find("requests", "waits", "", "~", limit=9, timeout_s=5)
        assert len(found) == 2
        await tell(stage.world, Verb.CANCEL, "n")
        await stage.rest()
        assert (await outcome(stage, "n"))[0] == "cancelled"
        assert stage.calls() == 0
        assert stage.world.batches.jobs == {}

    play(scene, shape=with_batches(with_runs(Shape(BATCHED, seed=1))))


def batch(**more: Any) -> Batch:
    made = Batch(
        tenant="default", name="b1", target="lazy", pile="p", stage=kept_as.Stage.OUT,
        manifest=BlobRef("file:///nowhere", 1, "0"), created_at=LATER, escalate_at=LATER,
        due_at="0|later",
    )  # fmt: skip
    return made._replace(**more)


@pytest.mark.slow
def test_a_batch_that_is_cancelled_is_due_at_once_and_one_that_is_over_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path))

    async def kept(one: Batch) -> None:
        async with open_system() as system:
            await system.services.store.commit([Put(one.path, one.encode())], timeout_s=5)

    async def found() -> Batch:
        async with open_system() as system:
            [document] = await system.services.store.read([batch().path], timeout_s=5)
            return Batch.decode(document.fields or {})

    asyncio.run(kept(batch()))
    assert asyncio.run(cancel("default", "b1", as_json=False)) == 0
    assert "is called back within a minute" in capsys.readouterr().err
    called = asyncio.run(found())
    assert called.escalate_at < datetime.now(UTC) + timedelta(seconds=1)
    assert called.due_at != "0|later"
    asyncio.run(kept(batch(state=CLOSED)))
    with pytest.raises(OperatorFault, match="nothing to call back"):
        asyncio.run(cancel("default", "b1", as_json=False))
