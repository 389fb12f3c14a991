"""The gate before one target in one instance: its sleep, its circuit breaker, its share of concurrency.

What may not go now is an unpaid failure that says when to come back: it parks, and waits for nothing billed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from penstock.errors import FailureClass, ProviderFailure
from penstock.ports import Clock
from penstock.targets.breaker import Breaker
from penstock.targets.concurrency import Concurrency
from penstock.targets.routes import Routes, Target
from penstock.targets.sleep import Sleep
from penstock.timing import Timing

#: What a server says that has too much to do.
_CONGESTED = frozenset({429, 498, 503, 529})


class Passage:
    """One call on its way through the gate; the caller tells what the engine told of its queue."""

    #: Seconds that the call spent in the engine's own queue; None: it did not say.
    queued_s: float | None = None


class Gate:
    """Lets a call through, or refuses it.

    `breaker` is its own unless it is shared. `has_next`: whoever asks this target can ask another instead.
    """

    def __init__(
        self,
        target: Target,
        clock: Clock,
        timing: Timing,
        breaker: Breaker | None = None,
        *,
        has_next: bool = False,
    ) -> None:
        self._name = target.name
        self._clock = clock
        self._timing = timing
        self._breaker = breaker or Breaker(timing)
        self._has_next = has_next
        self._concurrency = Concurrency(target.max_concurrency)
        self._sleep = Sleep(timing) if target.scales_to_zero else None
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[Passage]:
        """Around one provider call. Raises GateRefusal when it may not go now."""
        passage = Passage()
        await self._check_open(passage)
        await self._take_slot(passage)
        started = self._clock.monotonic()
        try:
            self._check_asked()  # somebody may have been told while we waited for the slot
            yield passage
        except GateRefusal:
            self._abandon(passage)
            raise
        except ProviderFailure as failure:
            self._note(failure, started, passage)
            raise
        except BaseException:
            self._abandon(passage)
            raise
        else:
            now = self._clock.monotonic()
            self._breaker.succeeded()
            self._concurrency.answered(started, now, passage.queued_s)
            if self._sleep is not None:
                self._sleep.answered(now)
        finally:
            self._in_flight -= 1
            self._let_in()

    def _check_asked(self) -> None:
        wait = self._breaker.asked_s(self._clock.monotonic(), has_next=self._has_next)
        if wait > 0:
            raise self._refusal("asked not to be called yet", wait)

    async def _check_open(self, passage: Passage) -> None:
        self._check_asked()
        wait = await self._after_probe(passage)
        if wait > 0:
            raise self._refusal(self._resting(), wait, resting=True)
        if self._sleep is not None:
            wait = self._sleep.wait_s(self._clock.monotonic(), passage)
            if wait > 0:
                self._breaker.abandoned(passage)
                raise self._refusal("is being woken by another call", wait)

    def _resting(self) -> str:
        why = self._breaker.why.removesuffix(".")
        last = f"; the last: {why[:1].lower()}{why[1:]}" if why else ""
        return f"is resting after a row of failures{last}"

    async def _after_probe(self, passage: Passage) -> float:
        """0 when the call may go; else seconds to wait. A probe that is out is waited for, though no longer
        than a delivery waits for anything.

        Who comes back after a long rest, with others, would else go away again for as long because one of
        them was first.
        """
        wait = self._breaker.wait_s(self._clock.monotonic(), passage)
        if self._breaker.probe in (None, passage):
            return wait
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.patience_s):
                while wait > 0 and self._breaker.probe is not None:
                    await self._breaker.probe_ended.wait()
                    wait = self._breaker.wait_s(self._clock.monotonic(), passage)
        return wait

    async def _take_slot(self, passage: Passage) -> None:
        """Wait for a slot, first come first served, no longer than a delivery may wait for anything."""
        if self._in_flight < self._concurrency.limit and not self._waiting:
            self._in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._timing.patience_s):
                await turn
        except BaseException as error:
            self._leave(turn, passage)
            if isinstance(error, TimeoutError):
                raise self._refusal("has all its calls of this instance in use", None) from None
            raise

    def _leave(self, turn: asyncio.Future[None], passage: Passage) -> None:
        """Stop waiting; a slot that was given in the same moment goes to the next one."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled():
            self._in_flight -= 1
            self._let_in()
        self._abandon(passage)

    def _let_in(self) -> None:
        while self._waiting and self._in_flight < self._concurrency.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)

    def _note(self, failure: ProviderFailure, started: float, passage: Passage) -> None:
        now = self._clock.monotonic()
        if failure.kind is FailureClass.FINAL:
            self._breaker.succeeded()
        else:
            self._breaker.why = failure.message
            self._breaker.failed(now, failure.retry_after_s, passage)
        if failure.status in _CONGESTED:
            self._concurrency.congested(started, now)
        if self._sleep is not None:
            if failure.kind is FailureClass.FINAL:
                self._sleep.answered(now)
            else:
                self._sleep.failed(passage)

    def _abandon(self, passage: Passage) -> None:
        """It ended before anything was known: if it was the probe, or the one that wakes, the next one is."""
        self._breaker.abandoned(passage)
        if self._sleep is not None:
            self._sleep.failed(passage)

    def _refusal(self, why: str, wait_s: float | None, *, resting: bool = False) -> GateRefusal:
        return GateRefusal(f"Target {self._name} {why}.", wait_s, resting=resting)


class GateRefusal(ProviderFailure):
    """We did not ask: the breaker is open (`resting`), the engine sleeps, or every slot is taken."""

    def __init__(self, message: str, wait_s: float | None, *, resting: bool) -> None:
        super().__init__(FailureClass.UNPAID, message, retry_after_s=wait_s)
        self.resting = resting


def gates(routes: Routes, clock: Clock, timing: Timing) -> dict[str, Gate]:
    """A gate for each target by its name; those that ask the same thing share a breaker.

    The same thing: provider, address, model, and the key, since a second account is throttled by itself; and
    the tier, since a full flex tier says nothing of the standard one.
    Concurrency and sleep stay each target's own: they are settings of the target.
    """
    breakers: dict[tuple[str | None, ...], Breaker] = {}
    last = {name for route in routes.routes.values() for name in route.asked_last}

    def gate(target: Target) -> Gate:
        asked = (
            target.provider, target.base_url, target.model, target.auth, target.secret, target.service_tier
        )  # fmt: skip
        breaker = breakers.setdefault(asked, Breaker(timing))
        return Gate(target, clock, timing, breaker, has_next=target.name not in last)

    return {name: gate(target) for name, target in routes.targets.items()}
