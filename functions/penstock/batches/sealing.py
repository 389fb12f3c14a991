"""Seal a batch: who waits in the pile becomes its member, each by compare-and-set, and the list is frozen.

The candidates are written first: whoever takes a batch over that is being sealed stamps them itself. A
candidate that is dropped while it waits is changed, so that a stamp under way finds another version, and it
is stamped only under the fence that it had: who stood still while the list was frozen stamps nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from penstock import log
from penstock.batches.members import Entry, read_members, write_members
from penstock.batches.pile import Pile
from penstock.batches.record import Batch, Stage
from penstock.batches.work import WIDTH, Work
from penstock.errors import BadMessage
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.leases.take import take
from penstock.paths import REQUESTS, batch_path, cache_path, request_path, sharded
from penstock.ports import Cursor, Snapshot
from penstock.requests.deliver import deliver, log_finished
from penstock.requests.flight import CacheEntry
from penstock.requests.lines import fails
from penstock.requests.orphans import is_for
from penstock.requests.record import NOT_CALLED, Record, State
from penstock.requests.seams import seams_of, with_stamp
from penstock.requests.unheld import Step, advance
from penstock.requests.waiting import left, put_off, sent
from penstock.services import Services
from penstock.targets.retry import Park
from penstock.targets.routes import Target

#: Of those who wait, so many are read at once: each may be a megabyte, and one query has its time limit.
PAGE: Final = 300


class Candidate(NamedTuple):
    """Who waits, and until when it may: without its payload, of which 50,000 are too many to hold."""

    entry: Entry
    until: datetime

    @classmethod
    def of(cls, record: Record) -> Candidate:
        return cls(Entry.of(record), _until(record))


async def candidates(s: Services, pile: Pile, limit: int) -> list[Candidate]:
    """Up to `limit` of those who wait in `pile`, the most urgent of each range first. Raises StoreError."""
    found: list[Candidate] = []
    for low, high in pile.ranges():
        after, more = None, True
        while more and len(found) < limit:
            at_most = min(PAGE, limit - len(found))
            some = await s.store.find(
                REQUESTS, "waits", low, high, after=after, limit=at_most, timeout_s=s.timing.read_s
            )
            found += [Candidate.of(record) for record in map(_decoded, some) if record is not None]
            more = len(some) == at_most
            after = Cursor((some[-1].fields or {})["waits"], some[-1].path) if some else None
    return found


def _decoded(found: Snapshot) -> Record | None:
    try:
        record = Record.decode(found.fields or {})
    except BadMessage:
        return None
    return record if record.state is State.QUEUED else None


async def begin(s: Services, pile: Pile, target: Target, some: Sequence[Candidate]) -> Holder[Batch] | None:
    """A new batch of the candidates `some`, held. Raises StoreError, BlobError."""
    now, name = s.clock.now(), s.new_id()
    manifest = await write_members(s, pile.tenant, name, [one.entry for one in some])
    new = Batch(
        tenant=pile.tenant, name=name, target=target.name, pile=pile.name, stage=Stage.SEALING,
        manifest=manifest, created_at=now, escalate_at=min(one.until for one in some), members=len(some),
        open_since=sharded(pile.tenant, name, now), fates={},
    )  # fmt: skip

    def enter(found: Snapshot, owner: str, lease: Lease) -> Batch | None:
        return None if found.exists else new._replace(fence=1, owner=owner).leased_until(lease, s.timing)

    return await take(s, batch_path(pile.tenant, name), enter)


def _until(record: Record) -> datetime:
    return record.escalate_at or record.deadline


async def seal(work: Work) -> bool:
    """Stamp the candidates and freeze the list. Raises FencedOut, StoreError, BlobError."""
    batch = work.batch
    try:
        members = await _stamp_all(work)
    except BaseException:
        await _tell_sealed(work, None)
        raise
    await _tell_sealed(work, [request_path(batch.tenant, member.entry.request_id) for member in members])
    manifest = await write_members(work.s, batch.tenant, batch.name, [member.entry for member in members])
    held = any(member.held for member in members)
    await work.note(stage=Stage.FROZEN, manifest=manifest, members=len(members), held=held)
    log.event("batch.sealed", "Sealed.", members=len(members), target=batch.target, **batch.ids())
    return True


async def _tell_sealed(work: Work, stamped: Collection[str] | None) -> None:
    for seam in seams_of(work.s):
        await seam.sealed(work.s, work.batch.name, stamped)


async def _stamp_all(work: Work) -> list[_Member]:
    """Those that are members now; raises once all tries have ended."""
    width = asyncio.Semaphore(WIDTH)

    async def stamp(entry: Entry) -> _Member | None:
        async with width:
            await work.holder.ensure(work.s.timing.lease_reserve_s)
            return await _stamp(work, entry)

    tries = (stamp(entry) for entry in await read_members(work))
    ended = await asyncio.gather(*tries, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [member for member in ended if isinstance(member, _Member)]


@dataclass(frozen=True, slots=True)
class _Member:
    """`held`: a budget holds for its line."""

    entry: Entry
    held: bool

    @classmethod
    def of(cls, record: Record) -> _Member:
        return cls(Entry.of(record), record.holding is not None)


async def _stamp(work: Work, entry: Entry) -> _Member | None:
    """The member that the candidate became; None: it is none."""
    s, batch = work.s, work.batch
    member: list[_Member] = []

    async def decide(record: Record, found: Snapshot) -> Step | None:
        member.clear()
        if record.state is State.SENT and record.batch == batch.name:
            member.append(_Member.of(record))
            return None
        if record.state is not State.QUEUED or record.fence != entry.fence:
            return None  # it has left the pile, even if it is back: the list may be frozen by now
        now = s.clock.now()
        leaves = await _leaves(work, record, now)
        if leaves is not None:
            return leaves
        out = sent(record, batch.name, batch.target, now, s.timing)
        out, others = with_stamp(s, out, batch.name)
        member.append(_Member(Entry.of(record), out.holding is not None))
        return Step(out, others)

    done = await advance(s, request_path(batch.tenant, entry.request_id), decide)
    if done is not None and done.state is State.TERMINAL:
        log_finished(done)
        await deliver(s, done)
    return member[0] if member else None


async def _leaves(work: Work, record: Record, now: datetime) -> Step | None:
    """What a candidate becomes that is not to be sent; None: it is. Whoever is woken next finds out why."""
    s = work.s
    if now >= _until(record):
        return Step(left(record, record.target_index + 1, NOT_CALLED, "", now))
    if await _is_answered(s, record) or (record.was_sent and await _has_orphan(s, record)):
        return Step(left(record, record.target_index, NOT_CALLED, "", now))
    for seam in seams_of(s):
        stop = await seam.before_sending(s, record, work.target, work.batch.name)
        if isinstance(stop, Park):
            return Step(put_off(record, now + timedelta(seconds=stop.wait_s), stop.lacks))
        if stop is not None:
            return await fails(s, record, work.target, stop)
    return None


async def _is_answered(s: Services, record: Record) -> bool:
    """Somebody who could not wait may have asked its question meanwhile."""
    if record.flight is None:
        return False
    [found] = await s.store.read([cache_path(record.tenant, record.flight)], timeout_s=s.timing.read_s)
    if found.fields is None:
        return False
    entry = CacheEntry.decode(found.fields)
    margin = timedelta(seconds=s.timing.follow_s)  # still there when it is claimed
    return entry.answer is not None and entry.expires_at > found.read_at + margin and not _refreshes(record)


def _refreshes(record: Record) -> bool:
    return b'"refresh"' in (record.payload or b"")


async def _has_orphan(s: Services, record: Record) -> bool:
    found = await s.store.scan(f"{record.path}/orphans", after="", limit=20, timeout_s=s.timing.read_s)
    return any(is_for(orphan.fields or {}, record) for orphan in found)
