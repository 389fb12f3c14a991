"""The queue of a shared limit: who waits for it, by tenant, the earliest deadline first.

It is no document: each who waits says so in its own field `waits` (as those who wait for a batch do), and is
found by it.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

from penstock.messages.envelope import format_time
from penstock.paths import REQUESTS
from penstock.ports import Cursor, Snapshot
from penstock.requests.record import Record
from penstock.services import Services

#: What the name of a queue begins with; a pile's begins otherwise (batches/pile.py).
PREFIX = "turn|"
#: Who waits is spread over as many ranges of the index for each tenant.
SHARDS = 4
#: So many of one range are read at a time.
_BATCH = 25
#: More than any character of a name.
_END = "~"


def waits_in(record: Record, scope: str, tokens: int) -> str:
    """What `record` says of its queue; `tokens`: what its call would take of a limit of tokens."""
    shard = crc32(record.request_id.encode()) % SHARDS
    spread = crc32(record.path.encode())
    return f"{_tenant(scope, record.tenant)}{shard}|{format_time(record.deadline)}|{spread:08x}.{tokens}"


def _tenant(scope: str, tenant: str) -> str:
    return f"{PREFIX}{scope}|{tenant}|"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits, as it says itself."""

    tenant: str
    deadline: datetime
    tokens: int
    found: Snapshot

    @classmethod
    def read(cls, found: Snapshot) -> Waiting:
        """Of a document that was found by its `waits`."""
        _, _, tenant, _, deadline, rest = (found.fields or {})["waits"].split("|")
        return cls(tenant, datetime.fromisoformat(deadline), int(rest.partition(".")[2]), found)


async def anybody_waits(s: Services) -> bool:
    """One read in an idle minute, of whatever queue."""
    found = await s.store.find(REQUESTS, "waits", PREFIX, PREFIX + _END, limit=1, timeout_s=s.timing.read_s)
    return bool(found)


async def tenants(s: Services, scope: str) -> AsyncIterator[str]:
    """Who has somebody in the queue of `scope`: one read each."""
    low, high = f"{PREFIX}{scope}|", f"{PREFIX}{scope}|{_END}"
    while found := await s.store.find(REQUESTS, "waits", low, high, limit=1, timeout_s=s.timing.read_s):
        tenant = Waiting.read(found[0]).tenant
        yield tenant
        low = _tenant(scope, tenant) + _END


@dataclass(slots=True)
class Lane:
    """One tenant's part of a queue, by deadline; read as far as it is asked for."""

    s: Services
    tenant: str
    scope: str
    _heads: list[tuple[str, str, int, Snapshot]] = field(default_factory=list)
    _begun: bool = False

    async def head(self) -> Waiting | None:
        """Its earliest deadline; None: nobody waits any more."""
        if not self._begun:
            self._begun = True
            for shard in range(SHARDS):
                await self._fetch(shard, None)
        return Waiting.read(self._heads[0][3]) if self._heads else None

    async def pop(self) -> None:
        """Go on to the next one."""
        _, _, shard, found = heapq.heappop(self._heads)
        if all(other != shard for _, _, other, _ in self._heads):
            await self._fetch(shard, Cursor((found.fields or {})["waits"], found.path))

    async def _fetch(self, shard: int, after: Cursor | None) -> None:
        low = f"{_tenant(self.scope, self.tenant)}{shard}|"
        found = await self.s.store.find(
            REQUESTS, "waits", low, low + _END, after=after, limit=_BATCH, timeout_s=self.s.timing.read_s
        )
        for snapshot in found:
            deadline = (snapshot.fields or {})["waits"].split("|")[4]
            heapq.heappush(self._heads, (deadline, snapshot.path, shard, snapshot))
