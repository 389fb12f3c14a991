"""The pool: what is left of an allotment in this instance's memory, and those who wait for more of it.

Whoever finds enough takes it, without a write. Else one draw after the other is made for all that wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from penstock import log
from penstock.budgets.accounts import GRANTED
from penstock.budgets.allotment import Allotment, Lapsed
from penstock.budgets.known import Known
from penstock.budgets.verdicts import Refusal, beforehand, kept, left, refusing
from penstock.errors import StoreError, StoreUnavailable
from penstock.messages.hold import Hold
from penstock.money.limits import Limit, usd
from penstock.services import Services

#: From this share of a limit on its operator is told.
_LOW = 0.8


@dataclass(slots=True, eq=False)
class Wish:
    """A hold that is asked for. `verdict`: None when it is accepted; Lapsed, StoreUnavailable: nobody
    knows."""

    hold: Hold
    pool: Pool
    verdict: asyncio.Future[Refusal | None]
    #: Whether a draw was made for it.
    drawn: bool = False

    @property
    def accepted(self) -> bool:
        return self.verdict.done() and not self.verdict.cancelled() and not self._failed()

    def _failed(self) -> bool:
        return self.verdict.exception() is not None or self.verdict.result() is not None


@dataclass(slots=True, eq=False)
class Pool:
    """`free` nano-dollars. `limits` says under which limits it is drawn, as they are known at the time."""

    s: Services
    known: Known
    allotment: Allotment
    limits: Callable[[], Sequence[Limit]]
    free: int = 0
    #: Taken and not given back: it may come back yet.
    out: int = 0
    #: No more is taken from it: its time is over, or the limits have changed.
    retired: bool = False
    _waiting: deque[Wish] = field(default_factory=deque)
    _taken: deque[tuple[float, int]] = field(default_factory=deque)
    _drawn: int = 0
    _drawing: asyncio.Task[None] | None = None
    _told: set[tuple[str, str, str | None]] = field(default_factory=set)

    @property
    def is_usable(self) -> bool:
        reserve = timedelta(seconds=self.s.timing.allotment_reserve_s)
        return not self.retired and self.known.now(self.s.clock) < self.allotment.lease_end - reserve

    @property
    def is_asked(self) -> bool:
        """Whether anybody asked lately: who comes alone draws for itself."""
        return self._demand() > 0

    def follow(self, other: Pool) -> None:
        """Draw what was lately asked of `other`, for those who will ask here."""
        self._taken.extend(other._taken)
        self._begin()

    def take(self, nano: int) -> Wish:
        """Ask for `nano`: at once, where there is enough, else by a draw that begins now."""
        now = self.s.clock.monotonic()
        hold = Hold(self.allotment.name, nano, self.allotment.lease_end)
        wish = Wish(hold, self, asyncio.get_running_loop().create_future())
        self._taken.append((now, nano))
        self._waiting.append(wish)
        self._serve()
        if not wish.accepted or self._is_low():
            self._begin()
        return wish

    def give(self, nano: int, wish: Wish) -> None:
        """`nano` of what was accepted for `wish` is not needed; below 0: it was too little."""
        self.out -= wish.hold.nano
        self.free += nano
        self._serve()

    def lose(self, wish: Wish) -> None:
        """Nobody can tell what became of it: whoever closes the allotment will."""
        self.out -= wish.hold.nano

    def forget(self, wish: Wish) -> None:
        """Nobody waits for it any more."""
        if not wish.verdict.done():
            wish.verdict.cancel()

    async def retire(self) -> None:
        """Nothing more is taken; what is free goes back at once. Does not raise."""
        self.retired = True
        if self._drawing is not None:
            await asyncio.wait([self._drawing])
        free, self.free = max(0, self.free), 0
        if free and self.allotment.version is not None:
            await self._give_back(free)

    def close(self) -> None:
        if self._drawing is not None:
            self._drawing.cancel()

    def _serve(self) -> None:
        """First come first served, as far as it goes: who asks for less may pass who asks for more."""
        for wish in list(self._waiting):
            if wish.verdict.done():
                self._waiting.remove(wish)
            elif wish.hold.nano <= self.free:
                self._waiting.remove(wish)
                self.free -= wish.hold.nano
                self.out += wish.hold.nano
                wish.verdict.set_result(None)

    def _demand(self) -> int:
        """What was taken in the last while."""
        since = self.s.clock.monotonic() - self.s.timing.draw_ahead_s
        while self._taken and self._taken[0][0] < since:
            self._taken.popleft()
        return sum(nano for _, nano in self._taken)

    def _is_low(self) -> bool:
        """Whether half of the last draw is gone, and others ask at the same time."""
        return 2 * self.free < self._drawn and len(self._taken) > 1

    def _begin(self) -> None:
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw())

    async def _draw(self) -> None:
        """Draw until nobody waits who was not drawn for. Does not raise."""
        while True:
            asked = [wish for wish in self._waiting if not wish.drawn]
            for wish in asked:
                wish.drawn = True
            try:
                surplus = await self._draw_for(asked)
                self._serve()
                self._refuse(asked)
                if surplus:
                    await self._give_back(surplus)
            except (Lapsed, StoreError) as error:
                self.retired = self.retired or isinstance(error, Lapsed)
                _fail(asked, error)
            except Exception as error:
                log.crash("budget.failed", "A fault of ours: no call is made.", error)
                _fail(asked, error)
            if all(wish.drawn for wish in self._waiting):
                return

    async def _draw_for(self, asked: Sequence[Wish]) -> int:
        """Draw what they ask for and something beforehand; how much of it all may not be kept.

        Where that is refused under an old reading of what has come back, it is read, and drawn once more.
        Raises Lapsed, StoreUnavailable.
        """
        if not asked:
            if not self.known.has_seen(self.allotment.touched):
                await self.known.read(self.s.store, self.s.timing, self.allotment.touched)
            return await self._draw_once(0)
        surplus, read = await self._draw_once(self._lacking(asked)), False
        while self._lacking(asked) and not read and not self.known.is_fresh(self.allotment.touched):
            if surplus:
                await self._give_back(surplus)
            await self.known.read(self.s.store, self.s.timing, self.allotment.touched)
            surplus, read = await self._draw_once(self._lacking(asked)), True
        return surplus

    def _lacking(self, asked: Sequence[Wish]) -> int:
        return max(0, sum(wish.hold.nano for wish in asked if not wish.verdict.done()) - self.free)

    async def _draw_once(self, wanted: int) -> int:
        """Raises Lapsed, StoreUnavailable."""
        limits, day = self.limits(), self.allotment.touched.day
        seen = self.known.has_seen(self.allotment.touched)
        nano = wanted + (beforehand(self._demand(), limits, day, self.known.account) if seen else 0)
        if not nano or (wanted and self._is_hopeless(limits)):
            return 0
        self._drawn = nano
        # What comes back after this write belongs to draws behind it: only what was read before it counts.
        before = {path: dict(self.known.account(path)) for path in self.allotment.touched.accounts}
        for path, counters in (await self.allotment.draw(self.s, nano)).items():
            self.known.saw(path, counters)
            before[path] |= {name: at for name, at in counters.items() if name.startswith(GRANTED)}
        ours = kept(nano, limits, day, before.__getitem__)
        self.free += ours
        self._tell(limits)
        return nano - ours

    def _is_hopeless(self, limits: Sequence[Limit]) -> bool:
        """Whether not even the least that is asked for would be kept: what has been granted only grows."""
        least = min((wish.hold.nano for wish in self._waiting if not wish.verdict.done()), default=0)
        return left(limits, self.allotment.touched.day, self.known.account) + self.free < least

    def _refuse(self, asked: Sequence[Wish]) -> None:
        """Those that could not be served; while others may yet give back, a moment later."""
        limits, day = self.limits(), self.allotment.touched.day
        for wish in asked:
            if wish.verdict.done():
                continue
            lacking = refusing(wish.hold.nano - self.free, limits, day, self.known.account)
            refusal = lacking if lacking.limits else Refusal(tuple(limits))
            if self.out > 0:
                loop = asyncio.get_running_loop()
                loop.call_later(self.s.timing.patience_s, _refused, wish, refusal)
            else:
                _refused(wish, refusal)

    async def _give_back(self, nano: int) -> None:
        """Does not raise: what does not come back now does when the allotment is closed."""
        try:
            for path, counters in (await self.allotment.give_back(self.s, nano)).items():
                self.known.saw(path, counters)
        except (Lapsed, StoreError):
            log.warning("budget.unreturned", "What was drawn too much comes back later.", nano=nano)

    def _tell(self, limits: Sequence[Limit]) -> None:
        """Say it once of each limit and pool when little is left."""
        for limit in limits:
            free = left([limit], self.allotment.touched.day, self.known.account)
            if limit.key not in self._told and free < (1 - _LOW) * (limit.nano or 0):
                self._told.add(limit.key)
                message = f"Over {_LOW:.0%} of {limit} is spent or held."
                log.warning(
                    "budget.low", message, scope=limit.scope, period=limit.period, model=limit.model,
                    limit=usd(limit.nano or 0), left=usd(max(0, free)),
                )  # fmt: skip


def _refused(wish: Wish, refusal: Refusal) -> None:
    if not wish.verdict.done():
        wish.verdict.set_result(refusal)


def _fail(asked: Sequence[Wish], error: Exception) -> None:
    for wish in asked:
        if not wish.verdict.done():
            failure = error if isinstance(error, Lapsed) else StoreUnavailable(str(error))
            wish.verdict.set_exception(failure)
            wish.verdict.exception()  # whoever waits is told; nobody need wait
