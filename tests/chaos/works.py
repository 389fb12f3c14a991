"""A document that is no request, with a life of its own: taken, worked on under a renewed lease, done.

It stands for the rooms to come: nothing here knows a request, and everything that it needs is in leases/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from penstock.errors import BadMessage, FencedOut, Reason, StoreError
from penstock.leases.document import LEASED, changed_fields
from penstock.leases.lease import Lease, is_expired
from penstock.leases.room import Due
from penstock.leases.take import take
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.paths import sharded
from penstock.ports import Fields, Increment, Merge, Snapshot
from penstock.services import Services
from penstock.timing import Timing
from penstock.verdict import Verdict

#: The collection group, the topic, and the attribute of a wake.
WORKS, NAMED = "works", "work_id"
#: How long the work takes, in seconds: longer than a lease.
WORK_S = 100.0


class Work(NamedTuple):
    """One work's document. `seen` counts the holders that began it."""

    name: str
    state: str = "open"
    fence: int = 0
    write_id: str = ""
    owner: str | None = None
    lease_until: Any = None
    due_at: str | None = None
    open_since: str | None = None
    sweeps: int = 0

    @property
    def path(self) -> str:
        return work_path(self.name)

    def ids(self) -> dict[str, Any]:
        return {"work_id": self.name}

    def sent_as(self, write_id: str) -> Work:
        return self._replace(write_id=write_id)

    def told(self, left: Fields) -> Work:
        return self._replace(**left) if left else self

    def leased_until(self, lease: Lease, timing: Timing) -> Work:
        due_at = sharded("t", self.name, lease.over_at(timing))
        return self._replace(state=LEASED, lease_until=lease.wall_end, due_at=due_at)

    def encode(self) -> dict[str, Any]:
        return {name: value for name, value in self._asdict().items() if value is not None}

    def changes(self, old: Work) -> dict[str, Any]:
        before = old._asdict()
        return {name: value for name, value in self._asdict().items() if value != before[name]}

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Work:
        try:
            return cls(**document)
        except TypeError:
            raise BadMessage("This is no work.", Reason.INTERNAL) from None


class Works:
    """The room, as the sweeper sees it."""

    group = WORKS

    def due(self, s: Services, fields: Fields) -> Due:
        work = Work.decode(fields)
        due_at = sharded("t", work.name, s.clock.now() + timedelta(seconds=s.timing.sweep_again_s))
        later = work._replace(due_at=due_at, sweeps=work.sweeps + 1)
        return Due(changed_fields(later, work), Wake("t", work.name, work.fence), WORKS, NAMED, work.sweeps)


def work_path(name: str) -> str:
    return f"tenants/t/{WORKS}/{name}"


def done_path(name: str) -> str:
    return f"tenants/t/done/{name}"


async def work(s: Services, envelope: Envelope) -> Verdict:
    """The story: take it, work, say in one batch that it is done and how often that was said."""
    name = Wake.decode(envelope.attributes, NAMED).name

    def enter(found: Snapshot, owner: str, lease: Lease) -> Work | None:
        now = sharded("t", name, s.clock.now())
        old = Work.decode(found.fields) if found.fields is not None else Work(name, open_since=now)
        live = old.state == LEASED and not is_expired(old.lease_until, found.read_at, s.timing)
        if live or old.state == "done":
            return None
        return old._replace(fence=old.fence + 1, owner=owner).leased_until(lease, s.timing)

    try:
        holder = await take(s, work_path(name), enter, [Merge(done_path(name), {"begun": Increment(1)})])
        if holder is None:
            return Verdict.ACK
        async with holder.renewing():
            await asyncio.sleep(WORK_S)
            await holder.ensure(s.timing.lease_reserve_s)
            await holder.write(_done, Merge(done_path(name), {"times": Increment(1)}))
    except FencedOut:
        return Verdict.ACK
    except StoreError:
        return Verdict.NACK
    return Verdict.ACK


def _done(held: Work) -> Work:
    return held._replace(state="done", owner=None, lease_until=None, due_at=None, open_since=None)
