"""The circuit breaker of one (provider, model) in one instance.

Closed → open after `THRESHOLD` failures in a row → half-open when its time is up: one probe goes
through, and its outcome closes or opens the breaker. Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.rules.timing import Timing

#: Failures in a row after which asking is pointless for a while.
THRESHOLD = 8


@dataclass(slots=True)
class Breaker:
    """All times are monotonic seconds, handed in."""

    timing: Timing
    failures: int = 0
    open_until: float | None = None
    probing: bool = False

    def wait_s(self, now: float) -> float:
        """0 when a call may go now (it is then the probe, if one is due); else seconds to wait."""
        if self.open_until is None:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.probing:
            return self.timing.park_min_s
        self.probing = True
        return 0.0

    def succeeded(self) -> None:
        """The provider answered, be it a refusal."""
        self.failures, self.open_until, self.probing = 0, None, False

    def failed(self, now: float, retry_after_s: float | None) -> None:
        """The provider did not answer."""
        self.failures += 1
        if self.probing or self.failures >= THRESHOLD:
            asked = min(retry_after_s or 0.0, self.timing.park_max_s)
            self.open_until = now + max(self.timing.park_min_s, asked)
        self.probing = False

    def abandoned(self) -> None:
        """The call was cancelled before anything was known."""
        self.probing = False
