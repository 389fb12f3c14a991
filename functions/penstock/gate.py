"""The gate before one target in one instance: circuit breaker and concurrency limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.errors import FailureClass, ProviderFailure
from penstock.ports import Clock
from penstock.rules.breaker import Breaker
from penstock.rules.timing import Timing


class Gate:
    """Lets a call through, or refuses it as an unpaid failure that says when to come back."""

    def __init__(self, target: str, max_concurrency: int, breaker: Breaker, clock: Clock, timing: Timing):
        self._target = target
        self._slots = asyncio.Semaphore(max_concurrency)
        self._breaker = breaker
        self._clock = clock
        self._timing = timing

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Around one provider call. Raises ProviderFailure (unpaid) when it may not go now."""
        wait = self._breaker.wait_s(self._clock.monotonic())
        if wait > 0:
            raise self._refusal("is resting after a row of failures", wait)
        try:
            await self._take_slot()
            try:
                yield
            finally:
                self._slots.release()
        except ProviderFailure as failure:
            self._note(failure)
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()

    async def _take_slot(self) -> None:
        try:
            async with asyncio.timeout(self._timing.patience_s):
                await self._slots.acquire()
        except TimeoutError:
            self._breaker.abandoned()
            raise self._refusal("has all its calls of this instance in use", None) from None

    def _note(self, failure: ProviderFailure) -> None:
        if isinstance(failure, GateRefusal):
            return
        if failure.kind is FailureClass.FINAL:
            self._breaker.succeeded()
        else:
            self._breaker.failed(self._clock.monotonic(), failure.retry_after_s)

    def _refusal(self, why: str, wait_s: float | None) -> GateRefusal:
        return GateRefusal(FailureClass.UNPAID, f"Target {self._target} {why}.", retry_after_s=wait_s)


class GateRefusal(ProviderFailure):
    """We did not ask: the breaker is open or every slot is taken."""
