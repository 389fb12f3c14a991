"""The lease: who may work on a document, for how long, and by which clock (docs/design.md §3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.timing import Timing


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder's own view: both clocks' reading of the end, taken before the write was sent.

    A machine that sleeps stops its monotonic clock, a wall clock may be set back; whichever says
    "over" first is believed.
    """

    wall_end: datetime
    monotonic_end: float

    @classmethod
    def starting(cls, now: datetime, monotonic: float, timing: Timing) -> Lease:
        return cls(now + timedelta(seconds=timing.lease_s), monotonic + timing.lease_s)

    def remaining_s(self, now: datetime, monotonic: float) -> float:
        """Seconds left; negative once it is over."""
        return min((self.wall_end - now).total_seconds(), self.monotonic_end - monotonic)

    def over_at(self, timing: Timing) -> datetime:
        """The wall time at which the store's clock must call it expired too: when the sweeper looks."""
        return self.wall_end + timedelta(seconds=timing.lease_grace_s + timing.skew_s)


def is_expired(lease_until: datetime | None, read_at: datetime, timing: Timing) -> bool:
    """Whether a leased document may be taken over, by the store's clock at the read and no other."""
    if lease_until is None:
        return False
    return read_at > lease_until + timedelta(seconds=timing.lease_grace_s)
