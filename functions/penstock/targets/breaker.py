"""The circuit breaker of one (provider, address, model) in one instance.

Closed → open after `THRESHOLD` failures in a row → half-open when its time is up: one probe goes
through, and its outcome closes or opens the breaker. Source: M. Nygard, Release It!, "Circuit Breaker".
It also remembers who asked to be left alone (Retry-After, RFC 9110 §10.2.3).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from penstock.timing import Timing

#: Failures in a row after which asking is pointless for a while.
THRESHOLD = 8


@dataclass(slots=True)
class Breaker:
    """All times are monotonic seconds, handed in."""

    timing: Timing
    failures: int = 0
    open_until: float | None = None
    #: What the newest failure said, for whoever is kept away.
    why: str = ""
    #: The call that is the probe, while it is out.
    probe: object | None = None
    #: Set when the probe that was out has ended, however it did.
    probe_ended: asyncio.Event = field(default_factory=asyncio.Event)
    #: Until then the provider asked not to be called; and how much of it those keep who have no other.
    asked_until: float = 0.0
    asked_briefly_until: float = 0.0

    def wait_s(self, now: float, call: object) -> float:
        """0 when `call` may go now (it is then the probe, if one is due); else seconds to wait."""
        if self.open_until is None:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.probe is not None:
            return self.timing.park_min_s
        self.probe = call
        self.probe_ended.clear()
        return 0.0

    def asked_s(self, now: float, *, has_next: bool) -> float:
        """Seconds for which a Retry-After keeps everybody away; an answer to another call ends them not.

        `has_next`: whoever is kept away is answered by another target at once, so the wish is kept, up to
        `park_max_s`. Else no longer than a delivery waits for anything: the wish may be for one request
        alone (a token bucket that a shorter one still fits), and nobody is put aside, perhaps past his
        deadline, for what another was told. Who was told himself waits in full (targets/retry.py), and a
        row of such failures opens the breaker for as long as was asked.
        """
        until = self.asked_until if has_next else self.asked_briefly_until
        return max(0.0, until - now)

    def succeeded(self) -> None:
        """The provider answered, be it a refusal."""
        self.failures, self.open_until, self.probe = 0, None, None
        self.probe_ended.set()

    def failed(self, now: float, retry_after_s: float | None, call: object) -> None:
        """The provider did not answer `call`."""
        self.failures += 1
        asked = min(max(0.0, retry_after_s or 0.0), self.timing.park_max_s)
        if asked > 0:
            self.asked_until = max(self.asked_until, now + asked)
            briefly = min(asked, self.timing.patience_s)
            self.asked_briefly_until = max(self.asked_briefly_until, now + briefly)
        if self.probe is call or self.failures >= THRESHOLD:
            self.open_until = now + max(self.timing.park_min_s, asked)
        self.abandoned(call)

    def abandoned(self, call: object) -> None:
        """`call` brought nothing: if it was the probe, the next one is."""
        if self.probe is call:
            self.probe = None
            self.probe_ended.set()
