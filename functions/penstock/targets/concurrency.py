"""How many calls one instance may have at a target at once: additive increase, multiplicative decrease.

Each instance finds its share by itself: a refusal (429, 503) or a long queue shrinks it, every answer grows
it a little. Source: D.-M. Chiu and R. Jain, Analysis of the increase and decrease algorithms for congestion
avoidance in computer networks, 1989.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: What is left of the limit after a sign of congestion.
_DECREASE = 0.7
#: Share of an answer's time spent in the engine's queue above which the engine has too much to do.
_QUEUED_SHARE = 0.5


@dataclass(slots=True)
class Concurrency:
    """The limit, from 1 to `most`. All times are monotonic seconds, handed in."""

    most: int
    _limit: float = field(init=False)
    _shrunk_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self._limit = float(self.most)

    @property
    def limit(self) -> int:
        return int(self._limit)

    def answered(self, started: float, now: float, queued_s: float | None) -> None:
        """A call begun at `started` brought an answer after `queued_s` seconds in the engine's own queue."""
        if queued_s is not None and queued_s > _QUEUED_SHARE * (now - started):
            self.congested(started, now)
        else:
            self._limit = min(float(self.most), self._limit + 1 / self._limit)

    def congested(self, started: float, now: float) -> None:
        """A call begun at `started` met congestion. Calls begun before the last decrease say nothing new."""
        if started > self._shrunk_at:
            self._limit = max(1.0, self._limit * _DECREASE)
            self._shrunk_at = now
