"""A self-hosted engine that sleeps when nobody asks: one call wakes it, the others wait elsewhere.

Cloud Run holds requests for about the engine's start-up time and then answers 429, and whoever waits is
billed. So one call of each instance goes through, and the rest are parked until it has an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.timing import Timing


@dataclass(slots=True)
class Sleep:
    """What one instance knows of an engine's sleep. All times are monotonic seconds, handed in."""

    timing: Timing
    #: The last answer; None: never heard of.
    _answered_at: float | None = None
    #: The call that wakes it, while it is out.
    _waker: object | None = None

    def wait_s(self, now: float, call: object) -> float:
        """0 when `call` may go now (it is then the one that wakes, if need be); else seconds to wait."""
        if self._is_awake(now):
            return 0.0
        if self._waker is not None:
            return self.timing.wake_s
        self._waker = call
        return 0.0

    def answered(self, now: float) -> None:
        """The engine answered something: it is awake."""
        self._answered_at, self._waker = now, None

    def failed(self, call: object) -> None:
        """`call` brought nothing: if it was the one that wakes, the next one is."""
        if self._waker is call:
            self._waker = None

    def _is_awake(self, now: float) -> bool:
        return self._answered_at is not None and now - self._answered_at < self.timing.awake_s
