"""A step of a request that nobody holds: compare-and-set, until it is known to have landed once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from penstock.errors import PreconditionFailed, StoreUnavailable
from penstock.leases.document import changed_fields
from penstock.ports import Snapshot, Update, Write
from penstock.requests.record import Record
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Step:
    """What the document becomes, with `others` in the same batch."""

    record: Record
    others: Sequence[Write] = ()


#: Given the record as it is and as it was read: the step, or None where nothing is to be done.
Decide = Callable[[Record, Snapshot], Awaitable[Step | None]]


async def advance(s: Services, path: str, decide: Decide) -> Record | None:
    """Make the step that `decide` says, which is asked again after each lost race; the record then.

    None: it said that there is nothing to do, or there is no such document.

    Raises StoreUnavailable, WriteRefused, BadMessage, and what `decide` raises.
    """
    #: What our batches would have written: which of them landed may be unknown until we look.
    ours: dict[str, Record] = {}
    give_up = s.clock.monotonic() + s.timing.settle_s
    while True:
        found = await _look(s, path, give_up if ours else s.clock.monotonic())
        if found.fields is None:
            return None
        record = Record.decode(found.fields)
        if record.write_id in ours:
            return ours[record.write_id]
        try:
            step = await decide(record, found)
            if step is None:
                return None
            after = step.record.sent_as(s.new_id())
            ours[after.write_id] = after
            update = Update(path, changed_fields(after, record), found.version)
            await s.store.commit([update, *step.others], timeout_s=s.timing.commit_s)
            return after
        except (PreconditionFailed, StoreUnavailable):
            if s.clock.monotonic() >= give_up:
                raise StoreUnavailable("A step of a request found no confirmation in time.") from None
            await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 10)


async def _look(s: Services, path: str, give_up: float) -> Snapshot:
    while True:
        try:
            [found] = await s.store.read([path], timeout_s=s.timing.read_s)
            return found
        except StoreUnavailable:
            if s.clock.monotonic() >= give_up:
                raise
            await asyncio.sleep(s.timing.quick_retry_s * (0.5 + s.jitter()))
