"""The sweeper's part: what an allotment has left comes back when its time is over and nobody holds any of it.

Both can be told without a lock: a hold that is written after the end of the lease is void, by the store's
clock, and a hold that goes away is charged in the same write. So where, after that end, nobody is found who
holds, all charges are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from penstock import log
from penstock.budgets.accounts import GRANTED, RETURNED, Touched
from penstock.budgets.outstanding import drawn
from penstock.errors import AlreadyExists, PreconditionFailed, StoreError
from penstock.money.limits import MONEY_PATH, Limit
from penstock.paths import ALLOTMENTS, REQUESTS, SHARDS, moved_to, shard_range
from penstock.ports import REMOVE, Create, Snapshot, Update
from penstock.services import Services

#: Allotments taken from one shard at a time.
_BATCH = 100


class Closing:
    """What the sweeper does for budgets in each of its minutes (leases/room.py, Keeper)."""

    def __init__(self, settings: Iterable[Limit] = ()) -> None:
        self._settings = tuple(settings)

    async def keep(self, s: Services) -> None:
        await self._tell(s)
        if await s.store.find(ALLOTMENTS, "due_at", "", "~", limit=1, timeout_s=s.timing.read_s):
            await asyncio.gather(*(_close_shard(s, shard) for shard in range(SHARDS)))

    async def _tell(self, s: Services) -> None:
        """The document says that budgets are switched on, and what the settings name, for `penstock
        budget`."""
        [found] = await s.store.read([MONEY_PATH], timeout_s=s.timing.read_s)
        told = {"settings": [limit.encode() for limit in self._settings]}
        try:
            if found.fields is None:
                await s.store.commit([Create(MONEY_PATH, told)], timeout_s=s.timing.commit_s)
            elif found.fields.get("settings") != told["settings"]:
                update = Update(MONEY_PATH, told, found.version)
                await s.store.commit([update], timeout_s=s.timing.commit_s)
        except (AlreadyExists, PreconditionFailed):
            pass  # the operator was first; the next minute tells it


async def _close_shard(s: Services, shard: int) -> None:
    low, high = shard_range(shard, s.clock.now())
    found = await s.store.find(ALLOTMENTS, "due_at", low, high, limit=_BATCH, timeout_s=s.timing.read_s)
    for snapshot in found:
        try:
            await _close(s, snapshot)
        except StoreError as error:
            log.warning("budget.unclosed", f"An allotment is closed later: {type(error).__name__}.")


async def _close(s: Services, found: Snapshot) -> None:
    """Raises StoreError."""
    fields = found.fields or {}
    name = found.path.rpartition("/")[2]
    if found.read_at <= fields["lease_end"] or await _is_held(s, name):
        later = moved_to(fields["due_at"], s.clock.now() + _wait(s, found.read_at - fields["lease_end"]))
        await s.store.commit(
            [Update(found.path, {"due_at": later}, found.version)], timeout_s=s.timing.commit_s
        )
        return
    left = max(0, fields[GRANTED] - fields[RETURNED] - await drawn(s, found.path))
    closed = {
        "due_at": REMOVE,
        "closed": left,
        "expires_at": s.clock.now() + timedelta(seconds=s.timing.retention_s),
    }
    returned = Touched.decode(fields).added(RETURNED, left) if left else []
    await s.store.commit([Update(found.path, closed, found.version), *returned], timeout_s=s.timing.commit_s)


def _wait(s: Services, over: timedelta) -> timedelta:
    """Who holds of it may be out for hours: it is looked at when it has been over for twice as long."""
    return timedelta(seconds=min(s.timing.sweep_max_s, max(s.timing.sweep_again_s, over.total_seconds())))


async def _is_held(s: Services, name: str) -> bool:
    return bool(await s.store.find(REQUESTS, "holding", name, name, limit=1, timeout_s=s.timing.read_s))
