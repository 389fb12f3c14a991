"""Writes whose answer is lost, or that were cancelled: the ledger stays true."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from penstock.adapters.stores.sqlite import SqliteStore
from penstock.bootstrap import build
from penstock.leases.holder import Holder
from penstock.messages.envelope import Envelope
from penstock.ports import Committed, Write
from penstock.requests import transitions
from penstock.requests.claim import claim
from penstock.requests.incoming import incoming_message
from penstock.requests.record import Record
from penstock.settings import read_settings
from tests.chaos.faults import Fault, Unreachable
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


@dataclass
class Deaf:
    """A store that does what it is told, and until `until` lets nobody know: a commit's answer is lost, and
    so are the next two looks (one of them may be at the pause)."""

    until: float
    deaf: Counter[str] = field(default_factory=Counter)

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        if at >= self.until or instance == "scheduled":
            return None
        if step == "store.commit":
            self.deaf[instance] = 2
            return Fault.LOST_RESPONSE
        if step == "store.read" and self.deaf[instance]:
            self.deaf[instance] -= 1
            return Fault.ERROR_BEFORE
        return None


def test_claims_of_unknown_outcome_do_not_end_a_request_that_was_never_asked() -> None:
    """Given a few minutes of lost answers, I expect no dead letter: nobody was called, nobody died."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") is None
        assert await stage.letters() == []

    play(scene, plan=Deaf(250.0), shape=ALONE)


def test_an_answer_that_was_found_again_is_one_call_in_the_ledger() -> None:
    """The successor asked nobody: its line in the ledger must not say that it did."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert stage.calls() == 1
        assert (await stage.result("r"))["attempts"] == 1

    play(scene, plan=Unreachable("store", 0.5, 90), shape=ALONE)


async def test_a_cancelled_write_leaves_nothing_behind_that_the_holder_does_not_know(tmp_path: Path) -> None:
    """§3.2: cancelled is an unknown outcome. What it changed must not stay behind."""
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path)})
    s = build(settings)
    hang = False

    class Hanging(SqliteStore):
        async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
            committed = await super().commit(writes, timeout_s=timeout_s)
            if hang:
                await asyncio.sleep(60)
            return committed

    s = replace(s, store=Hanging(tmp_path, s.clock))
    body = json.dumps({"prompt": "hello", "request_id": "r", "cache": "off"}).encode()
    envelope = Envelope(body, {}, "1", s.clock.now(), "")
    holder = await claim(s, await incoming_message(s, envelope))
    assert isinstance(holder, Holder)
    hang = True
    write = asyncio.create_task(
        holder.write(lambda record: transitions.calling(record.with_outcome("ambiguous"), "b", s.clock.now()))
    )
    await asyncio.sleep(0.5)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    hang = False
    await holder.write(lambda record: transitions.parked(record.with_outcome("ambiguous"), s.clock.now()))
    [found] = await s.store.read([holder.path], timeout_s=5)
    await s.close()
    assert Record.decode(found.fields or {}) == holder.record
