"""A meter: one limit's time, as far as this instance has booked it.

A limit is a row of slots, one behind the other. Its tail lies in the store, in microseconds of the store's
clock: whoever books `us` more at the tail has the stretch that ends where the tail is then. A call takes its
own time of it, and starts when its slot does, or a moment later. So however many instances call, never more
are sent in a minute than a minute has slots (docs/limits.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock.targets.pace import RPM, Pace

#: A limit's share that is given out. What is left of a minute makes up for calls that start late in their
#: slot (`slot_late_s`) and for what a network's delays differ by.
SHARE = 0.95
MICRO = 1_000_000


@dataclass(slots=True, eq=False)
class Meter:
    """`start` to `end`: booked, and not taken by any call yet; microseconds of the store's clock."""

    pace: Pace
    kind: str
    start: int = 0
    end: int = 0
    #: Time that calls took beyond what was booked for them: the next booking pays it.
    debt: int = 0
    #: How much is asked of it in a second, lately; and when that was told.
    demand: float = 0.0
    told_at: int = 0

    @property
    def tail(self) -> str:
        """The field of the limit's document."""
        return tail_of(self.kind)

    def us(self, tokens: int, factor: float, minute_s: float) -> int:
        """The time that a call with so many tokens takes of this limit, slowed down to `factor` of it."""
        return slot_us(self.pace, self.kind, tokens, factor, minute_s)

    def holds(self, us: int, oldest: int) -> bool:
        """Whether `us` more are booked; what is older than `oldest` can be nobody's slot any more."""
        self.start = max(self.start, oldest)
        return self.start + us <= self.end

    def take(self, us: int) -> int:
        """The start of the next slot."""
        start = self.start
        self.start += us
        return start

    def booked(self, start: int, end: int) -> None:
        """`start` to `end` is ours: what else was left, if it does not lie before it, is not."""
        self.start, self.end = (self.start if self.end == start else start), end

    def asked(self, us: int, now: int, second_us: int) -> None:
        """Tell of `us` more that somebody asks for: lately is the last second, and fades."""
        self.demand = self.demand * math.exp(-max(0, now - self.told_at) / second_us) + us
        self.told_at = now


def tail_of(kind: str) -> str:
    return f"{kind}_tail"


def slot_us(pace: Pace, kind: str, tokens: int, factor: float, minute_s: float) -> int:
    """Microseconds of a limit that a call takes; `minute_s`: a minute, by the time scale."""
    rate, wants = (pace.rpm, 1) if kind == RPM else (pace.tpm, tokens)
    return math.ceil(wants * minute_s * MICRO / (SHARE * (rate or 1) * factor))
