"""The circuit breaker of one (provider, address, model) in one instance.

Closed → open after `THRESHOLD` failures in a row → half-open when its time is up: one probe goes
through, and its outcome closes or opens the breaker. Source: M. Nygard, Release It!, "Circuit Breaker".
Beside that, whoever asks for a Retry-After is not called before it (RFC 9110 §10.2.3), by anybody.
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
    #: Until then the provider asked not to be called.
    asked_until: float = 0.0

    def wait_s(self, now: float) -> float:
        """0 when a call may go now (it is then the probe, if one is due); else seconds to wait."""
        if (asked := self.asked_s(now)) > 0:
            return asked
        if self.open_until is None:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.probing:
            return self.timing.park_min_s
        self.probing = True
        return 0.0

    def asked_s(self, now: float) -> float:
        """Seconds for which the provider asked not to be called. An answer to another call ends them not."""
        return max(0.0, self.asked_until - now)

    def succeeded(self) -> None:
        """The provider answered, be it a refusal."""
        self.failures, self.open_until, self.probing = 0, None, False

    def failed(self, now: float, retry_after_s: float | None) -> None:
        """The provider did not answer.

        A Retry-After may be meant for one request alone (a token bucket that a short one would still fit),
        so it closes the way for the others no longer than `park_max_s`; who was told waits as long as it
        is believed (rules/retry.py).
        """
        self.failures += 1
        asked = min(max(0.0, retry_after_s or 0.0), self.timing.park_max_s)
        if asked > 0:
            self.asked_until = max(self.asked_until, now + asked)
        if self.probing or self.failures >= THRESHOLD:
            self.open_until = now + max(self.timing.park_min_s, asked)
        self.probing = False

    def abandoned(self) -> None:
        """The call was cancelled before anything was known."""
        self.probing = False
