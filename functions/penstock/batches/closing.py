"""The end of a batch: whoever got no line goes back, the provider's files are deleted, and it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock import log
from penstock.batches.creating import adopt, strays
from penstock.batches.members import Entry, member_of, read_members
from penstock.batches.pile import Pile
from penstock.batches.record import CLOSED, Batch, Stage
from penstock.batches.work import CHUNK, WIDTH, Work
from penstock.errors import ProviderFailure
from penstock.paths import sharded
from penstock.ports import Merge, Write
from penstock.requests.lines import give_back

_UNSENT: Mapping[str, Any] = {"outcome": "not called", "message": "", "leave": False, "lines": []}


async def settle(work: Work) -> bool:
    """Raises FencedOut, StoreError, BlobError."""
    entries = await read_members(work)
    while work.batch.offset < len(entries):
        if work.over:
            await work.put_aside(0)
            return False
        start = work.batch.offset
        back = await _give_back(work, start, entries[start : start + CHUNK])
        fates = dict(work.batch.fates or {})
        fates["without a line"] = fates.get("without a line", 0) + back
        await work.note(offset=start + CHUNK, fates=fates)
    if await turns_up(work):
        return False
    await _delete_files(work)
    now, batch = work.s.clock.now(), work.batch
    log.event("batch.closed", "Closed.", target=batch.target, fates=dict(batch.fates or {}), **batch.ids())
    await work.holder.write(
        lambda one: _closed(one)._replace(
            closed_at=now, expires_at=now + timedelta(seconds=work.s.timing.retention_s)
        ),
        *_allowance(work),
    )
    return False


async def turns_up(work: Work) -> bool:
    """Whether it is not over: what may have been begun for it is looked for as long as a listing may lag."""
    batch = work.batch
    if batch.sought_until is None or work.s.clock.now() >= batch.sought_until:
        return False
    try:
        found = await strays(work)
    except ProviderFailure as failure:
        await work.after(failure)
        return True
    if found:
        await adopt(work, found)
    else:
        await work.put_aside(work.s.timing.batch_poll_max_s)
    return True


def _closed(batch: Batch) -> Batch:
    return batch._replace(
        stage=Stage.OVER, state=CLOSED, owner=None, lease_until=None, due_at=None, open_since=None,
        takeovers=0,
    )  # fmt: skip


async def _give_back(work: Work, start: int, entries: Sequence[Entry]) -> int:
    """How many of `entries`, which begin with the line `start`, were still out."""
    ending = work.batch.ending or _UNSENT
    width = asyncio.Semaphore(WIDTH)

    async def one(number: int, entry: Entry) -> bool:
        leave = ending["leave"] or number in ending["lines"]
        async with width:
            await work.holder.ensure(work.s.timing.lease_reserve_s)
            member = member_of(work, entry)
            member = replace(member, more_paid=member.more_paid - ending.get("told", 0))
            return await give_back(work.s, member, ending["outcome"], ending["message"], leave=leave)

    return sum(await asyncio.gather(*(one(start + n, entry) for n, entry in enumerate(entries))))


def _allowance(work: Work) -> list[Write]:
    """What the provider found too much is tried again in halves, and not at once."""
    at_most = (work.batch.ending or {}).get("at_most")
    if at_most is None:
        return []
    pile = Pile(work.batch.tenant, work.batch.pile)
    due = work.s.clock.now() + timedelta(seconds=work.s.timing.batch_poll_max_s)
    return [Merge(pile.path, {"at_most": at_most, "due_at": sharded(pile.tenant, pile.name, due)})]


async def _delete_files(work: Work) -> None:
    """What stays all the same expires there."""
    for file in dict.fromkeys(work.batch.files):
        try:
            await work.runner.delete(file, timeout_s=work.s.timing.batch_call_s)
        except ProviderFailure as failure:
            log.warning(
                "batch.file_kept", "A provider kept a file.", reason=failure.message, **work.batch.ids()
            )
