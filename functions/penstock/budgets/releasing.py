"""Look again at what was put aside for want of money: some has come, as `resume` does after a pause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from penstock.errors import PreconditionFailed
from penstock.paths import REQUESTS, SHARDS, sharded
from penstock.ports import Cursor, Snapshot, Update
from penstock.services import Services

#: Documents of one query.
_BATCH = 100


async def release(s: Services, spread_s: float) -> int:
    """Make every request due that waits for money, spread over `spread_s` seconds from now; how many.

    Raises StoreError. Who is taken on by somebody else meanwhile is left to them.
    """
    released = 0
    for shard in range(SHARDS):
        async for found in _waiting(s, shard):
            due = s.clock.now() + timedelta(seconds=spread_s * s.jitter())
            fields = found.fields or {}
            moved = {"due_at": sharded(fields["tenant"], fields["request_id"], due)}
            try:
                await s.store.commit([Update(found.path, moved, found.version)], timeout_s=s.timing.commit_s)
            except PreconditionFailed:
                continue
            released += 1
    return released


async def _waiting(s: Services, shard: int) -> AsyncIterator[Snapshot]:
    low, high = f"{shard:02d}:", f"{shard:02d}:~"
    after: Cursor | None = None
    batch: list[Snapshot] = []
    while after is None or len(batch) == _BATCH:
        batch = await s.store.find(
            REQUESTS, "due_at", low, high, after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for found in batch:
            if (found.fields or {}).get("lacks") is not None:
                yield found
        if batch:
            after = Cursor((batch[-1].fields or {})["due_at"], batch[-1].path)
        elif after is None:
            return
