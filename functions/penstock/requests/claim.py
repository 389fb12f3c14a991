"""The claim: bring a delivery before its document, and leave with a lease or with what else to do.

From a claim on the work is durable without Pub/Sub. On a cold key it costs one round trip: the
request's document and the flight of its cache key are created in one batch (docs/design.md §3.1, §3.5).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from penstock.errors import AlreadyExists, BadMessage, PreconditionFailed, StoreUnavailable
from penstock.leases.document import changed_fields, worked_out
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.messages.plan import next_life
from penstock.messages.request import CacheMode
from penstock.paths import cache_path, request_path
from penstock.ports import REMOVE, Create, Snapshot, Update, Version, Write
from penstock.requests import transitions, waiting
from penstock.requests.conclude import adopted, reused
from penstock.requests.flight import (
    Admission,
    Adopt,
    Alone,
    CacheEntry,
    Displace,
    Follow,
    Hit,
    Lead,
    admit,
    cache_document,
)
from penstock.requests.incoming import Incoming
from penstock.requests.lifecycle import TABLE, Action, seen
from penstock.requests.queueing import next_at_once, pile_of
from penstock.requests.record import Record, State
from penstock.requests.seams import seams_of, with_line, without_holder
from penstock.services import Services

#: How often a lost race or an unknown outcome is looked at again before the delivery gives up.
_LOOKS = 8

#: Actions that leave with a lease, or with an outcome that the cache or a leader hands us.
ENTERING = frozenset({Action.CLAIM, Action.REPLACE, Action.TAKE_OVER, Action.GO_ON, Action.REOPEN})


@dataclass(frozen=True, slots=True)
class Settled:
    """No work for this delivery: do `action` with the document as it is."""

    action: Action
    record: Record | None
    #: This very delivery gave the request its outcome, from the cache or from a leader.
    finished: bool = False


async def claim(s: Services, incoming: Incoming) -> Holder[Record] | Settled:
    """The lease of `incoming`'s request, or what else is to be done with it.

    Raises StoreUnavailable when the store does not answer, or the race cannot be won.
    """
    return await _Claim(s, incoming).run()


@dataclass(slots=True)
class _Look:
    """The request's document, its question's cache document, and whom it waits for, as just read."""

    request: Snapshot
    record: Record | None
    cache: Snapshot | None
    entry: CacheEntry | None
    #: The request that this one follows, and the one that flies now: the flight may have changed hands.
    leader: Record | None
    flier: Record | None
    flier_version: Version | None = None


class _Claim:
    """One delivery's claim, from the first try to the last look."""

    def __init__(self, s: Services, incoming: Incoming) -> None:
        self._s = s
        self._in = incoming
        self._request = incoming.request
        self._path = request_path(incoming.request.tenant, incoming.request.request_id)
        self._key = incoming.key
        #: Random per delivery, not per instance: two deliveries of one instance must not trust each other.
        self._owner = s.new_id()
        #: What our batches would have written, with its lease, by write id: which of them landed may be
        #: unknown until we look, and an early one may land late.
        self._sent: dict[str, tuple[Record, Lease]] = {}
        self._lease = self._new_lease()
        #: Whether a batch of ours may land that we know nothing of.
        self._unsure = False

    async def run(self) -> Holder[Record] | Settled:
        step: Holder[Record] | Settled | None = None
        try:
            step = await self._run()
            return step
        finally:
            if not isinstance(step, Holder):
                for seam in seams_of(self._s):
                    seam.unclaimed(self._owner, sure=step is not None and not self._unsure)

    async def _run(self) -> Holder[Record] | Settled:
        if self._in.is_new:
            step = await self._attempt(self._enter_cold())
            if step is not None:
                return step
        give_up = self._s.clock.monotonic() + self._s.timing.settle_s
        for _ in range(_LOOKS):
            look = await self._look_until(give_up)
            step = await self._attempt(self._enter(look))
            if step is not None:
                return step
            await asyncio.sleep(self._s.timing.quick_retry_s * self._s.jitter() / 10)
        raise StoreUnavailable("The request is being claimed by too many deliveries at once.")

    async def _attempt(
        self, step: Awaitable[Holder[Record] | Settled | None]
    ) -> Holder[Record] | Settled | None:
        """The step's result; None when the race was lost or the outcome is unknown: look again."""
        try:
            return await step
        except (AlreadyExists, PreconditionFailed):
            return None
        except StoreUnavailable:
            self._unsure = True
            return None

    async def _enter_cold(self) -> Holder[Record] | Settled | None:
        """What most requests are: nobody knows the id, nobody has asked the question."""
        return await self._lead(None, self._fresh(), Lead() if self._key else Alone())

    async def _enter(self, look: _Look) -> Holder[Record] | Settled | None:
        """Do what the table says with what the look found."""
        record = look.record
        if record is not None and record.write_id in self._sent:
            return await self._landed(look, *self._sent[record.write_id])
        now_seen = seen(record, look.request.read_at, self._s.timing)
        action = TABLE[now_seen][self._in.arrival(record)]
        if action not in ENTERING:
            return Settled(action, record)
        entering = self._next(action, record)
        if self._was_asked_otherwise(entering):
            return None  # what was looked at is another question's cache: look again
        if entering.response is not None:
            return await self._resume(look, entering)
        return await self._admit(look, entering._replace(plan=self._in.plan))

    def _was_asked_otherwise(self, record: Record) -> bool:
        """Whom the request was planned for is asked, whatever this delivery would plan: whether under another
        key than was looked at."""
        before, self._in = self._key, self._in.planned(record.plan, self._s.routes)
        self._key = self._in.key
        return self._key != before

    async def _landed(self, look: _Look, record: Record, lease: Lease) -> Holder[Record] | Settled | None:
        """A batch of ours of unknown outcome had been written, or we follow and look again."""
        match record.state:
            case State.LEASED:
                record = record.told(worked_out(record.encode(), look.request.fields or {}))
                return Holder(self._s, record, look.request.version, lease)
            case State.PARKED:
                return Settled(Action.ACK, record)
            case State.QUEUED:
                return self._waits(record)
            case State.FOLLOWING:
                # Behind another leader than we wrote down we follow that one: its refusal is ours too.
                admission = self._admission(look, record)
                if isinstance(admission, Follow) and admission.leader == record.leader:
                    return Settled(Action.ACK, record)
                return await self._admit(look, transitions.going_on(record))
        return Settled(Action.PUBLISH, record, finished=True)

    async def _admit(self, look: _Look, base: Record) -> Holder[Record] | Settled | None:
        """Write what `base` becomes, given cache and flight."""
        admission = self._admission(look, base)
        match admission:
            case Hit(answer):
                done = reused(self._s, self._request, base, answer, "hit", self._key)
                return await self._close(look, done)
            case Adopt(leader):
                done = adopted(self._s, self._request, base, leader)
                return await self._close(look, done)
            case Follow(leader_path, until):
                usual = self._s.clock.now() + timedelta(seconds=self._s.timing.follow_s)
                follows = transitions.following(base, self._key or "", leader_path, until or usual)
                await self._commit(look, follows, [])
                return None  # parked; now look again: the leader may have ended in between
        return await self._lead(look, base, admission)

    async def _lead(self, look: _Look | None, base: Record, admission: Admission) -> Holder[Record] | Settled:
        """Lease `base` to ourselves, with the first call's line in its ledger, and the flight; or put it in
        its pile, with the flight."""
        leads = isinstance(admission, (Lead, Displace))
        pile = pile_of(self._s, base, self._in.targets)
        if pile is not None and not base.was_sent:
            return await self._queue(look, base, pile, leads)
        if pile is None:
            base = base._replace(target_index=next_at_once(base, self._in.targets, self._s.clock.now()))
        self._lease = self._new_lease()
        record = transitions.leased(base, self._owner, self._lease, self._s.timing)
        record = record._replace(flight=self._key if leads else None)
        others: list[Write] = []
        if self._in.targets and pile is None:
            target = self._in.targets[min(record.target_index, len(self._in.targets) - 1)]
            record = transitions.calling(record, target.name, self._s.clock.now())
            record, others = with_line(self._s, self._request, record, target)
        if leads:
            others += self._flight(look, record.fence)
        others += self._displaced(look, admission)
        for seam in seams_of(self._s):
            others += seam.with_claim(self._s, self._in, record)
        sent, version = await self._commit(look, record, others)
        return Holder(self._s, sent, version, self._lease)

    async def _resume(self, look: _Look, base: Record) -> Holder[Record]:
        """Lease `base` as it is: its provider keeps its call, which is paid, and its flight goes on."""
        self._lease = self._new_lease()
        record = transitions.leased(base, self._owner, self._lease, self._s.timing)
        others = [write for seam in seams_of(self._s) for write in seam.with_claim(self._s, self._in, record)]
        sent, version = await self._commit(look, record, others)
        return Holder(self._s, sent, version, self._lease)

    async def _queue(self, look: _Look | None, base: Record, pile: str, leads: bool) -> Settled:
        """Into its pile at once: nobody needs a lease to wait, and only who was sent before must look for an
        answer that came late."""
        record = waiting.queued(base, pile)._replace(flight=self._key if leads else None)
        others = self._flight(look, record.fence) if leads else []
        for seam in seams_of(self._s):
            others += seam.with_queue(self._s, record)
        sent, _ = await self._commit(look, record, others)
        return self._waits(sent)

    def _waits(self, record: Record) -> Settled:
        for seam in seams_of(self._s):
            seam.queued(self._s, record)
        return Settled(Action.ACK, record)

    def _displaced(self, look: _Look | None, admission: Admission) -> list[Write]:
        """The leader whose flight is taken becomes a follower in the same batch: whoever seals it at this
        moment, or we, come too late."""
        if look is None or not isinstance(admission, Displace):
            return []
        before, now = admission.leader, self._s.clock.now()
        after = waiting.displaced(before, self._key or "", self._path, now, self._s.timing)
        fields = changed_fields(after.sent_as(self._s.new_id()), before)
        return [Update(before.path, fields, look.flier_version)]

    async def _close(self, look: _Look, done: Record) -> Settled:
        """The request is answered without a call of its own."""
        sent, _ = await self._commit(look, without_holder(self._s, done), [])
        return Settled(Action.PUBLISH, sent, finished=True)

    async def _commit(
        self, look: _Look | None, record: Record, others: list[Write]
    ) -> tuple[Record, Version]:
        """Create or update the request's document, with `others` in the same batch."""
        record = record.sent_as(self._s.new_id())
        self._sent[record.write_id] = (record, self._lease)
        write: Write = Create(self._path, record.encode())
        if look is not None and look.record is not None:
            write = Update(self._path, changed_fields(record, look.record), look.request.version)
        committed = await self._s.store.commit([write, *others], timeout_s=self._s.timing.commit_s)
        return record.told(committed.results[0]), committed.versions[0]

    async def _look_until(self, give_up: float) -> _Look:
        """A look, tried again until `give_up` (monotonic seconds) where a batch of ours may have landed: who
        leaves it behind makes the next delivery believe in a call."""
        while True:
            try:
                return await self._look()
            except StoreUnavailable:
                if not self._sent or self._s.clock.monotonic() >= give_up:
                    raise
                await asyncio.sleep(self._s.timing.quick_retry_s * (0.5 + self._s.jitter()))

    async def _look(self) -> _Look:
        paths = [self._path]
        if self._key:
            paths.append(cache_path(self._request.tenant, self._key))
        request, *cache = await self._s.store.read(paths, timeout_s=self._s.timing.read_s)
        record = Record.decode(request.fields) if request.fields is not None else None
        fields = cache[0].fields if cache else None
        entry = CacheEntry.decode(fields) if fields is not None else None
        followed, flight = record.leader if record else None, entry.flight if entry else None
        others = await self._read_others({path for path in (followed, flight) if path is not None})
        (leader, _), (flier, version) = (others.get(path or "", (None, None)) for path in (followed, flight))
        return _Look(request, record, cache[0] if cache else None, entry, leader, flier, version)

    async def _read_others(self, paths: set[str]) -> dict[str, tuple[Record, Version]]:
        """The records at `paths`, our own left out, and those that this version cannot read."""
        others = sorted(paths - {self._path})
        found = await self._s.store.read(others, timeout_s=self._s.timing.read_s) if others else []
        records: dict[str, tuple[Record, Version]] = {}
        for other in found:
            if other.fields is not None:
                with contextlib.suppress(BadMessage):
                    records[other.path] = Record.decode(other.fields), other.version
        return records

    def _admission(self, look: _Look, base: Record) -> Admission:
        if self._key is None:
            return Alone()
        return admit(
            base,
            self._path,
            self._key,
            look.entry,
            look.leader,
            look.flier,
            refresh=self._request.cache is CacheMode.REFRESH,
            read_at=look.request.read_at,
            timing=self._s.timing,
        )

    def _flight(self, look: _Look | None, fence: int) -> list[Write]:
        """Take the flight of our key, or keep it: the fence makes a version that nobody else has seen."""
        path = cache_path(self._request.tenant, self._key or "")
        expires = self._s.clock.now() + timedelta(seconds=self._s.timing.cache_s)
        if look is None or look.cache is None or look.entry is None:
            return [Create(path, cache_document(self._path, fence, expires))]
        fields: dict[str, Any] = {"flight": self._path, "flight_fence": fence}
        if look.entry.answer is None or look.entry.expires_at < look.request.read_at:
            # An answer past its time must not come back to life with the new expiry.
            fields |= {"expires_at": expires, "answer": REMOVE, "stored_at": REMOVE}
        return [Update(path, fields, look.cache.version)]

    def _next(self, action: Action, record: Record | None) -> Record:
        """The record that this delivery enters with."""
        if record is None:
            return self._fresh()
        match action:
            case Action.REPLACE:
                return transitions.replaced(self._fresh(), record)
            case Action.TAKE_OVER:
                return transitions.taken_over(record)
            case Action.REOPEN:
                now = self._s.clock.now()
                plan = next_life(self._in.plan, record.plan, self._s.routes.targets)
                message_id = self._in.envelope.message_id
                return transitions.reopened(record, self._request.deadline, message_id, now, plan)
        return transitions.going_on(record)

    def _fresh(self) -> Record:
        return transitions.fresh(
            self._request,
            self._in.envelope,
            self._in.payload_ref,
            self._in.redrive_count or 0,
            self._s.clock.now(),
            parent=self._in.parent,
            plan=self._in.plan,
            judges=self._in.judges,
        )

    def _new_lease(self) -> Lease:
        return Lease.starting(self._s.clock.now(), self._s.clock.monotonic(), self._s.timing)
