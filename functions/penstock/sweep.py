"""The story of the sweeper: find what is due, move its time forward, wake it. It processes nothing itself.

Progress is certain because every document that is not at rest carries `due_at`: a request's is the end of
its lease, its `not_before`, or the time by which its result should have been confirmed (docs/design.md §2.5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock import log
from penstock.errors import BadMessage, PreconditionFailed, PublishFailed, StoreError
from penstock.leases.room import Room
from penstock.leases.wake import publish_wake
from penstock.paths import SHARDS, moved_to, shard_range, time_of
from penstock.ports import Fields, Snapshot, Update
from penstock.requests.room import Requests
from penstock.services import Services

#: The rooms whose documents are always looked for; each that is switched on (`Services.rooms`) costs one read
#: more in an idle minute.
ROOMS: tuple[Room, ...] = (Requests(),)

#: Documents taken from one shard at a time.
_BATCH = 100
#: Wakes under way at once.
_WIDTH = 50


@dataclass(slots=True)
class Swept:
    """What one run did. `oldest_open_s`: age of the core's oldest document not at rest; None: all are.

    What is switched on beyond may be open for days by design, and says itself when it waits.
    """

    woken: int = 0
    #: Found due, but somebody else moved it first.
    overtaken: int = 0
    failed: int = 0
    #: Of a later version, or damaged: moved out of the others' way, woken by nobody.
    unreadable: int = 0
    #: Woken more than once without effect.
    stubborn: int = 0
    oldest_open_s: float | None = None


async def sweep(s: Services, rooms: Sequence[Room] | None = None) -> Swept:
    """Wake everything that is due, for `sweep_s` seconds at most. Raises StoreError when it cannot look."""
    swept = Swept()
    end = s.clock.monotonic() + s.timing.sweep_s
    looked_through = (*ROOMS, *s.rooms) if rooms is None else rooms
    ages = await asyncio.gather(*(_sweep_room(s, room, swept, end) for room in looked_through))
    swept.oldest_open_s = max((age for age in ages if age is not None), default=None)
    log.event(
        "sweep.finished",
        f"Woke {swept.woken}.",
        woken=swept.woken,
        overtaken=swept.overtaken,
        failed=swept.failed,
        unreadable=swept.unreadable,
        stubborn=swept.stubborn,
        oldest_open_s=swept.oldest_open_s or 0,
    )
    return swept


async def _sweep_room(s: Services, room: Room, swept: Swept, end: float) -> float | None:
    """Wake what is due in `room` until `end` (monotonic seconds); of the core also its oldest age."""
    if not await _is_anything_open(s, room):
        return None
    while await _sweep_once(s, room, swept) and s.clock.monotonic() < end:
        pass
    return await _oldest_open_s(s, room) if room in ROOMS else None


async def _is_anything_open(s: Services, room: Room) -> bool:
    """One document read when nothing is asked: this is the idle bill's only query."""
    found = await s.store.find(room.group, "open_since", "", "~", limit=1, timeout_s=s.timing.read_s)
    return bool(found)


async def _sweep_once(s: Services, room: Room, swept: Swept) -> bool:
    """Wake up to a batch of every shard; whether there may be more."""
    now = s.clock.now()
    found = await asyncio.gather(*(_due(s, room, shard, now) for shard in range(SHARDS)))
    width = asyncio.Semaphore(_WIDTH)

    async def wake(snapshot: Snapshot) -> None:
        async with width:
            await _wake(s, room, snapshot, swept)

    await asyncio.gather(*(wake(snapshot) for batch in found for snapshot in batch))
    return any(len(batch) == _BATCH for batch in found) and not swept.failed


async def _due(s: Services, room: Room, shard: int, now: datetime) -> list[Snapshot]:
    low, high = shard_range(shard, now)
    return await s.store.find(room.group, "due_at", low, high, limit=_BATCH, timeout_s=s.timing.read_s)


async def _wake(s: Services, room: Room, found: Snapshot, swept: Swept) -> None:
    """Move `due_at` forward by compare-and-set, then publish: a lost wake costs a wait, never a document."""
    try:
        due = room.due(s, found.fields or {})
    except BadMessage:
        message = "A document that is due cannot be read; it is looked at again later."
        log.error("sweep.unreadable", message, path=found.path)
        swept.unreadable += 1
        await _move(s, found, {"due_at": _next_look(s, found)}, swept)
        return
    if not await _move(s, found, due.later, swept):
        return
    try:
        await publish_wake(s, due.topic, due.wake, due.named)
    except PublishFailed:
        swept.failed += 1
    else:
        swept.woken += 1
        swept.stubborn += due.sweeps > 0


async def _move(s: Services, found: Snapshot, changes: Fields, swept: Swept) -> bool:
    """Whether `changes` were made to the very document that was found."""
    try:
        await s.store.commit([Update(found.path, changes, found.version)], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        swept.overtaken += 1
    except StoreError:
        swept.failed += 1
    else:
        return True
    return False


def _next_look(s: Services, found: Snapshot) -> str:
    """When to look again at what cannot be read. The shard has many readable ones, found in order of time:
    a hundred that stayed at its head would starve them."""
    wait = s.timing.sweep_max_s * (1 + s.jitter() / 4)
    fields = found.fields or {}
    return moved_to(fields["due_at"], s.clock.now() + timedelta(seconds=wait))


async def _oldest_open_s(s: Services, room: Room) -> float | None:
    """The figure that operators alert on: parked work is acked, so Pub/Sub cannot show it."""
    firsts = await asyncio.gather(*(_first_open(s, room, shard) for shard in range(SHARDS)))
    since = [time_of(found[0].fields["open_since"]) for found in firsts if found and found[0].fields]
    return max(0.0, (s.clock.now() - min(since)).total_seconds()) if since else None


async def _first_open(s: Services, room: Room, shard: int) -> list[Snapshot]:
    low, high = f"{shard:02d}:", f"{shard:02d}:~"
    return await s.store.find(room.group, "open_since", low, high, limit=1, timeout_s=s.timing.read_s)
