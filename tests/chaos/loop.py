"""An asyncio loop on virtual time: nothing waits, the clock jumps to the next timer.

No sockets, no threads: whatever happens was made ready by a coroutine or a timer of this loop, so a seed
decides every interleaving. When nothing is ready and nothing is scheduled, nobody can ever go on: Deadlock.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import base_events
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from types import AsyncGeneratorType
from typing import Any, TypeVar

T = TypeVar("T")

#: Where simulated time starts.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
#: The smallest jump, in seconds: floats must not make time stand still.
_TICK_S = 1e-6


class Deadlock(Exception):
    """Every coroutine waits for something that nobody will do."""


class _NoSelector(selectors.BaseSelector):
    """Has no files; what the loop would have waited passes at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and nothing is scheduled")
        if timeout > 0:
            self.now += max(timeout, _TICK_S)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise NotImplementedError("the simulated world has no files")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise NotImplementedError("the simulated world has no files")

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(base_events.BaseEventLoop):
    """The loop; `time()` is seconds since EPOCH."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoSelector()
        # A timer of just now counts as due; the machine's own clock resolution means nothing here.
        self._clock_resolution = _TICK_S / 10

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else's thread can wake us."""

    def _asyncgen_finalizer_hook(self, agen: AsyncGeneratorType[Any, Any]) -> None:
        """A dead process leaves generators in the midst of a step: nobody can end those."""
        if not agen.ag_running:
            super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]  # asyncio's own, not in its stubs


class SimClock:
    """The Clock port on the running virtual loop; `skew_s`: how far this machine's wall clock is off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self._skew_s = skew_s
        self._reads = 0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time() + self._skew_s)

    def monotonic(self) -> float:
        """Code takes time too: no two reads are the same."""
        self._reads += 1
        return self._loop.time() + self._reads * 1e-7


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on a virtual loop of its own; Ctrl-C is the caller's to see."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
