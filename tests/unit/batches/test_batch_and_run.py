"""A run whose members wait for a batch, and the operator's word to one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.batches import record as kept_as
from penstock.batches.pile import Pile, opened
from penstock.batches.record import CLOSED, Batch
from penstock.leases.document import LEASED
from penstock.messages.completion import BlobRef
from penstock.ports import Put
from penstock.runs.message import Verb
from penstock_ops.batching.cancelled import cancel
from penstock_ops.batching.listed import listed
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


def test_members_that_wait_for_a_batch_keep_nobody_out() -> None:
    """Given a run of forty that may have four under way, and a lane that answers in hours.

    If an hour passes, I expect more to wait than may be under way, and never more than four out of the lane.
    """
    waiting, busy = [], []

    async def look(stage: Stage) -> None:
        members = await stage.world.store.scan("tenants/default/requests", after="", limit=99, timeout_s=5)
        fields = [one.fields or {} for one in members]
        states = [one["state"] for one in fields]
        waits = [state in ("queued", "sent") for state in states]
        assert [one.get("laned_in") is not None for one in fields] == waits
        waiting.append(sum(waits))
        busy.append(sum(state == "leased" for state in states))

    async def scene(stage: Stage) -> None:
        texts = [f"ticket {n}" for n in range(40)]
        await start(stage.world, "n", texts, max_wait_s=PATIENT, max_in_flight=4)
        for _ in range(60):
            await asyncio.sleep(60)
            await look(stage)
        await stage.rest()
        await look(stage)
        assert await outcome(stage, "n") == ("succeeded", "")

    play(scene, shape=with_batches(with_runs(Shape(BATCHED, seed=1))))
    assert max(waiting) > 20
    assert max(busy) <= 4


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

    # and one that somebody holds is fenced out, whose next write would undo the word
    asyncio.run(kept(batch(state=LEASED, owner="somebody", lease_until=LATER, fence=3)))
    assert asyncio.run(cancel("default", "b1", as_json=False)) == 0
    called = asyncio.run(found())
    assert (called.state, called.owner, called.lease_until, called.fence) == ("waiting", None, None, 4)

    # and one that is over has nothing to call back
    asyncio.run(kept(batch(state=CLOSED)))
    with pytest.raises(OperatorFault, match="nothing to call back"):
        asyncio.run(cancel("default", "b1", as_json=False))


@pytest.mark.slow
def test_a_list_shows_what_waits_before_there_is_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path))
    assert asyncio.run(listed("default", 20, as_json=False)) == 0
    assert "waits for a batch, and none was begun" in " ".join(capsys.readouterr().out.split())

    # Given a pile of two, and one that nobody waits in any more
    pile, empty = Pile("default", "p~20360101T00"), Pile("default", "q~20360101T00")

    async def put() -> None:
        async with open_system() as system:
            writes = [opened(one, "lazy", LATER, LATER, system.services.timing) for one in (pile, empty)]
            waits = [f"{pile.name}|default|{shard}|2036-01-01T00:00:00.000000Z" for shard in (0, 3)]
            asked = [Put(f"tenants/default/requests/r{n}", {"waits": at}) for n, at in enumerate(waits)]
            await system.services.store.commit([*writes, *asked], timeout_s=5)

    asyncio.run(put())
    assert asyncio.run(listed("default", 20, as_json=True)) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert (told["batch"], told["stage"], told["members"], told["target"]) == (None, "waiting", 2, "lazy")
    asyncio.run(listed("default", 20, as_json=False))
    assert "waiting" in capsys.readouterr().out
