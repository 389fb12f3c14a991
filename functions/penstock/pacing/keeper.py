"""The sweeper's part: in each minute the turns of the next one, and how much of a limit is used at all.

Who gets turns is chosen first (pacing/fair.py); then all of them are booked in one write, together with what
everybody was served: of two sweepers at once one comes too late, and gives none. Each is woken a moment
before its own second. Whose second passes, since its wake was lost or came late, asks anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock import log
from penstock.errors import AlreadyExists, PreconditionFailed, PublishFailed, StoreError
from penstock.leases.wake import publish_wake
from penstock.messages.wake import Wake
from penstock.pacing import fair
from penstock.pacing.known import FACTOR, LEAST_FACTOR, QUEUED_UNTIL, THROTTLED, WHOLE, Heard, micro
from penstock.pacing.meter import MICRO, slot_us, tail_of
from penstock.pacing.queue import Lane, Waiting, anybody_waits, tenants
from penstock.paths import moved_to, pace_path, queue_path
from penstock.ports import REMOVE, Create, Increment, InOrder, Maximum, Merge, Snapshot, Update, Write
from penstock.requests.room import NAMED
from penstock.services import Services
from penstock.targets.pace import RPM, TPM, TURNS_PATH, Pace, weights

#: Wakes made ready at once.
_WIDTH = 50
#: What becomes of the factor in a minute with a 429, and in one without, in thousandths (as
#: targets/concurrency.py: less at once, more by and by).
_LESS, _MORE = 0.7, 50
#: How often a 429 had been heard when the factor was last looked at.
_SEEN = "throttled_seen"


class GivesTurns:
    """What the sweeper does for shared limits in each of its minutes (leases/room.py, Keeper)."""

    def __init__(self, paces: Iterable[Pace]) -> None:
        paces = tuple(paces)
        self._paces = tuple(pace for pace in paces if pace.limits)
        self._weights = weights(paces)

    async def keep(self, s: Services) -> None:
        if not self._paces:
            return
        paths = [TURNS_PATH, *(pace_path(pace.scope) for pace in self._paces)]
        told, *found = await s.store.read(paths, timeout_s=s.timing.read_s)
        await asyncio.gather(*(_adapt(s, limit) for limit in found))
        if await s.pause.current(s.store, s.clock, s.timing) is not None or not await anybody_waits(s):
            return
        known = self._weights | dict((told.fields or {}).get("weights", {}))
        await asyncio.gather(*(_give(s, pace, known) for pace in self._paces))


async def _give(s: Services, pace: Pace, weights: Mapping[str, float]) -> None:
    """What was served is read with the tail, and before anybody who waits: who finds an old tail comes too
    late with what it writes of that."""
    paths = [pace_path(pace.scope), queue_path(pace.scope)]
    limit, before = await s.store.read(paths, timeout_s=s.timing.read_s)
    rows = {tenant: Lane(s, tenant, pace.scope) async for tenant in tenants(s, pace.scope)}
    if rows:
        await _Round(s, pace, limit, before, weights).run(rows)


async def _adapt(s: Services, limit: Snapshot) -> None:
    """After a 429 less of the limit is used, and more again by and by."""
    fields = limit.fields or {}
    factor, heard, seen = fields.get(FACTOR, WHOLE), fields.get(THROTTLED, 0), fields.get(_SEEN, 0)
    after = max(LEAST_FACTOR, round(factor * _LESS)) if heard > seen else min(WHOLE, factor + _MORE)
    if (after, heard) == (factor, seen):
        return
    try:
        changed = Merge(limit.path, {FACTOR: after, _SEEN: heard})
        await s.store.commit([changed], timeout_s=s.timing.commit_s)
    except StoreError as error:
        log.warning("limit.unadapted", f"How much of it is used stays as it is: {type(error).__name__}.")


class _Round:
    """The turns of one limit in one minute."""

    def __init__(
        self, s: Services, pace: Pace, limit: Snapshot, before: Snapshot, known: Mapping[str, float]
    ) -> None:
        self._s, self._pace, self._before, self._weights = s, pace, before, known
        self._heard = Heard()
        self._heard.saw(limit.fields or {})
        self._now = micro(limit.read_at)
        self._ahead = limit.read_at - s.clock.now()
        self._end = s.clock.monotonic() + s.timing.sweep_s
        self._kinds = [kind for kind in (RPM, TPM) if getattr(pace, kind) is not None]
        first = max(self._now + round(s.timing.turn_lead_s * MICRO), self._heard.not_before)
        last = self._now + round(s.timing.turns_ahead_s * MICRO)
        #: Where each tail is at least when this is booked, and how much time there is to give out.
        self._base = {kind: max(first, self._heard.times.get(tail_of(kind), 0)) for kind in self._kinds}
        self._room = {kind: last - base for kind, base in self._base.items()}
        self._given = dict.fromkeys(self._kinds, 0)

    async def run(self, rows: Mapping[str, Lane]) -> None:
        s = self._s
        served = fair.lifted((self._before.fields or {}).get("served", {}), rows)
        turns = fair.Turns(rows, served, self._weights, self._cost, self._take)
        urgent = s.clock.now() + timedelta(seconds=s.timing.turn_urgent_s)
        left = await turns.give(urgent, fair.URGENT_SHARE * max(0, min(self._room.values())))
        given = await self._book(turns.given, served, left)
        woken = await self._wake(given)
        log.event(
            "limit.turns", f"Woke {woken} of those who wait.", scope=self._pace.scope, woken=woken,
            tenants=len(rows), more=left,
        )  # fmt: skip

    def _us(self, kind: str, who: Waiting) -> int:
        return slot_us(self._pace, kind, who.tokens, self._heard.share, self._s.timing.minute_s)

    def _cost(self, who: Waiting) -> float:
        """What somebody takes of whichever limit is the narrower one for it."""
        return max(self._us(kind, who) for kind in self._kinds)

    def _take(self, who: Waiting) -> bool:
        wants = {kind: self._us(kind, who) for kind in self._kinds}
        if any(self._given[kind] >= self._room[kind] for kind in wants):
            return False
        for kind, us in wants.items():
            self._given[kind] += us
        return True

    async def _book(
        self, given: list[Waiting], served: Mapping[str, float], left: bool
    ) -> list[tuple[Waiting, datetime]]:
        """Each with its second. Raises StoreError: nobody is woken then."""
        tails: dict[str, Any] = {
            tail_of(kind): InOrder(Maximum(base), Increment(self._given[kind]))
            for kind, base in self._base.items()
            if self._given[kind]
        }
        # Newcomers queue behind whoever is left, until the next sweep has come.
        until = self._now + round((self._s.timing.turns_ahead_s + self._s.timing.turn_lead_s) * MICRO)
        queued = {QUEUED_UNTIL: Maximum(until)} if left else {}
        fields = {"served": dict(served)}
        before = self._before
        noted: Write = Create(before.path, fields)
        if before.fields is not None:
            noted = Update(before.path, fields, before.version)
        writes = [noted, Merge(pace_path(self._pace.scope), tails | queued)] if tails or queued else [noted]
        try:
            done = await self._s.store.commit(writes, timeout_s=self._s.timing.commit_s)
        except (AlreadyExists, PreconditionFailed):
            return []  # another sweep gives these turns
        return self._seconds(given, done.results[-1])

    def _seconds(self, given: list[Waiting], left: Mapping[str, Any]) -> list[tuple[Waiting, datetime]]:
        starts = {kind: left[tail_of(kind)] - us for kind, us in self._given.items() if us}
        turns = []
        for who in given:
            turns.append((who, datetime.fromtimestamp(max(starts.values()) / MICRO, UTC)))
            for kind in starts:
                starts[kind] += self._us(kind, who)
        return turns

    async def _wake(self, turns: list[tuple[Waiting, datetime]]) -> int:
        """All are written at once, and woken one by one; how many were."""
        width = asyncio.Semaphore(_WIDTH)

        async def one(who: Waiting, at: datetime) -> bool:
            async with width:
                written = await self._write(who, at)
            return written and await self._publish(who, at)

        return sum(await asyncio.gather(*(one(who, at) for who, at in turns)))

    async def _write(self, who: Waiting, at: datetime) -> bool:
        net = at + timedelta(seconds=self._s.timing.sweep_again_s)
        due_at = moved_to((who.found.fields or {})["due_at"], net)
        turn = {"waits": REMOVE, "turn": {"queue": self._pace.scope, "at": at}, "due_at": due_at}
        try:
            update = Update(who.found.path, turn, who.found.version)
            await self._s.store.commit([update], timeout_s=self._s.timing.commit_s)
        except StoreError:
            return False  # somebody else moved it; its second is lost
        return True

    async def _publish(self, who: Waiting, at: datetime) -> bool:
        """A moment before its second; in the last moment of the sweep whoever comes later, who then waits."""
        s, fields = self._s, who.found.fields or {}
        early = (at - s.clock.now() - self._ahead).total_seconds() - s.timing.turn_lead_s
        await asyncio.sleep(max(0.0, min(early, self._end - s.clock.monotonic())))
        wake = Wake(fields["tenant"], fields["request_id"], fields["fence"])
        try:
            await publish_wake(s, s.topics.request, wake, NAMED)
        except PublishFailed:
            return False
        return True
