"""An event loop whose clock jumps instead of waiting, for real sockets in one process.

When nothing is readable, the loop would sleep until its next timer; here the clock is set forward
to it. Servers and clients on the loopback address in the same loop see only that clock, so hours
of load pass in seconds and no figure depends on the machine.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
#: Real seconds to wait for readable sockets before the clock jumps far.
LOOK_S = 0.001
#: Jumps below this many seconds are taken at once: a loopback socket is readable when written to.
SHORT_JUMP_S = 0.5


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at the sockets, then moves the clock by what it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        found = super().select(0 if timeout < SHORT_JUMP_S else LOOK_S)
        if not found and timeout > 0:
            self.now += timeout
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on the jumping clock."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the jumping clock."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
