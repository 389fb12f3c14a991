"""Booking: one write for all calls of an instance that wait for a slot, and some more where they are many.

Transforms of one field run in order: the tail is raised to now, then moved by what is booked, and the store
answers where it is then. Nobody else has that stretch, whoever books at the same moment. A booking of unknown
outcome is time that nobody uses: the limit holds all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.errors import StoreError, StoreUnavailable
from penstock.pacing.known import NOT_BEFORE, Known
from penstock.pacing.meter import MICRO, Meter
from penstock.paths import pace_path
from penstock.ports import Increment, InOrder, Maximum, Merge
from penstock.services import Services
from penstock.targets.pace import RPM, TPM, Pace


@dataclass(frozen=True, slots=True)
class Slot:
    """When a call may start: at `at`, and no later than `until` (microseconds of the store's clock)."""

    at: int
    until: int


@dataclass(slots=True, eq=False)
class _Ask:
    wants: dict[Meter, int]
    slot: asyncio.Future[Slot | None]


class _Meters(dict[tuple[str, str], Meter]):
    """By scope and kind."""

    def of(self, pace: Pace, kind: str) -> Meter:
        return self.setdefault((pace.scope, kind), Meter(pace, kind))


class Booker:
    """Of one instance."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._meters = _Meters()
        self._asks: list[_Ask] = []
        self._spare: list[tuple[frozenset[Meter], Slot]] = []
        self._booking: asyncio.Task[None] | None = None

    def ask(self, s: Services, paces: Sequence[Pace], tokens: int) -> asyncio.Future[Slot | None]:
        """A slot on all of `paces`, None where none is near; StoreUnavailable in it where the store does not
        answer."""
        slot: asyncio.Future[Slot | None] = asyncio.get_running_loop().create_future()
        slot.add_done_callback(_retrieved)
        wants = {
            meter: meter.us(tokens, self._known.of(s, meter.pace.scope).share, s.timing.minute_s)
            for meter in self._touched(paces)
        }
        given = self._given_back(s, frozenset(wants))
        if given is not None:
            slot.set_result(given)
            return slot
        self._asks.append(_Ask(wants, slot))
        if self._booking is None or self._booking.done():
            self._booking = asyncio.get_running_loop().create_task(self._book(s))
        return slot

    def give_back(self, paces: Sequence[Pace], slot: asyncio.Future[Slot | None]) -> None:
        """Nobody will call in it: the next one of this instance may, if it is still time."""
        if not slot.done():
            slot.add_done_callback(lambda done: self.give_back(paces, done))
        elif not slot.cancelled() and slot.exception() is None and (given := slot.result()) is not None:
            self._spare.append((frozenset(self._touched(paces)), given))

    def owe(self, s: Services, pace: Pace, tokens: int) -> None:
        """A call had `tokens` more than were booked for it."""
        meter = self._meters.of(pace, TPM)
        meter.debt += meter.us(tokens, self._known.of(s, pace.scope).share, s.timing.minute_s)

    def drop(self, scope: str) -> None:
        """What is booked of this limit, and not taken, starts too early."""
        for meter in self._meters.values():
            if meter.pace.scope == scope:
                meter.start = meter.end = 0
        self._spare = [
            (meters, slot)
            for meters, slot in self._spare
            if all(meter.pace.scope != scope for meter in meters)
        ]

    def close(self) -> None:
        if self._booking is not None:
            self._booking.cancel()

    def _touched(self, paces: Sequence[Pace]) -> list[Meter]:
        kinds = ((pace, kind) for pace in paces for kind in (RPM, TPM))
        return [self._meters.of(pace, kind) for pace, kind in kinds if getattr(pace, kind) is not None]

    def _given_back(self, s: Services, meters: frozenset[Meter]) -> Slot | None:
        now = self._known.now(s.clock)
        self._spare = [(whose, slot) for whose, slot in self._spare if slot.until > now]
        # Tokens differ from call to call: a slot for few is none for many.
        if any(meter.kind == TPM for meter in meters):
            return None
        fitting = (entry for entry in self._spare if entry[0] == meters)
        found = min(fitting, key=lambda entry: entry[1].at, default=None)
        if found is None:
            return None
        self._spare.remove(found)
        return found[1]

    async def _book(self, s: Services) -> None:
        while self._asks:
            asks = self._next(s)
            try:
                await self._commit(s, _Sum(asks, self._oldest(s)))
            except StoreError as error:
                for ask in asks:
                    if not ask.slot.done():
                        ask.slot.set_exception(StoreUnavailable(f"No slot was booked: {error}"))
            else:
                for ask in asks:
                    if not ask.slot.done():
                        ask.slot.set_result(self._take(s, ask))

    def _next(self, s: Services) -> list[_Ask]:
        """Who is booked for in the next write: for a second at most, since others book too, and for one alone
        where nobody knows yet how far they are. Who would have to wait too long is told so."""
        now, soon = self._known.now(s.clock), round(s.timing.patience_s * MICRO)
        asks: list[_Ask] = []
        asked: dict[Meter, int] = {}
        for ask in self._asks:
            heard = [self._known.of(s, meter.pace.scope) for meter in ask.wants]
            if any(limit.free_at() > now + soon for limit in heard):
                if not ask.slot.done():
                    ask.slot.set_result(None)
                continue
            full = any(
                asked.get(meter, 0) + us > MICRO * s.timing.book_ahead_s for meter, us in ask.wants.items()
            )
            if asks and (full or not all(limit.times for limit in heard)):
                break
            asks.append(ask)
            for meter, us in ask.wants.items():
                asked[meter] = asked.get(meter, 0) + us
        self._asks = [ask for ask in self._asks if ask not in asks and not ask.slot.done()]
        return asks

    def _oldest(self, s: Services) -> int:
        """Slots older than this are left alone: a call needs a moment to start."""
        return self._known.now(s.clock) - round(s.timing.slot_late_s * MICRO / 2)

    async def _commit(self, s: Services, asked: _Sum) -> None:
        """Raises StoreError."""
        now = self._known.now(s.clock)
        booked: dict[Meter, int] = {}
        for meter, us in asked.us.items():
            meter.asked(us, now, round(s.timing.book_ahead_s * MICRO))
            if us > asked.there[meter]:
                booked[meter] = us + self._beforehand(s, meter, now)
        if not booked:
            return
        scopes = sorted({meter.pace.scope for meter in booked})
        writes = [self._write(s, scope, booked, now) for scope in scopes]
        done = await s.store.commit(writes, timeout_s=s.timing.commit_s)
        for scope, left in zip(scopes, done.results, strict=True):
            self._known.of(s, scope).saw(left)
            for meter in booked:
                if meter.pace.scope == scope:
                    meter.booked(left[meter.tail] - booked[meter], left[meter.tail])
                    meter.debt = 0

    def _write(self, s: Services, scope: str, booked: dict[Meter, int], now: int) -> Merge:
        base = Maximum(max(now, self._known.of(s, scope).not_before))
        tails = {
            meter.tail: InOrder(base, Increment(us + meter.debt))
            for meter, us in booked.items()
            if meter.pace.scope == scope
        }
        return Merge(pace_path(scope), {**tails, NOT_BEFORE: Maximum(0)})

    def _beforehand(self, s: Services, meter: Meter, now: int) -> int:
        """Where a second asks for several slots, the next second's: fewer writes to one document. Not
        where slots are short: then each of them is somebody's."""
        late = round(s.timing.slot_late_s * MICRO)
        several = meter.demand >= 3 * meter.us(1, 1.0, s.timing.minute_s)
        short = self._known.of(s, meter.pace.scope).free_at() > now + late // 2
        return 0 if short or not several else min(round(meter.demand), late // 2)

    def _take(self, s: Services, ask: _Ask) -> Slot:
        oldest, late = self._oldest(s), round(s.timing.slot_late_s * MICRO)
        starts = []
        for meter, us in ask.wants.items():
            meter.holds(us, oldest)
            starts.append(meter.take(us))
        return Slot(max(starts), min(starts) + late)


@dataclass(slots=True)
class _Sum:
    """What `asks` want of each meter together; `there`: what is left of it from before."""

    asks: Sequence[_Ask]
    oldest: int
    us: dict[Meter, int] = field(default_factory=dict)
    there: dict[Meter, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ask in self.asks:
            for meter, us in ask.wants.items():
                self.us[meter] = self.us.get(meter, 0) + us
        for meter in self.us:
            meter.start = max(meter.start, self.oldest)
            self.there[meter] = max(0, meter.end - meter.start)


def _retrieved(slot: asyncio.Future[Slot | None]) -> None:
    """Whoever left may not ask what became of it."""
    if not slot.cancelled():
        slot.exception()
