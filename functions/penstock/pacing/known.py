"""What an instance knows of the shared limits: their documents, as they were last read or written.

They are read with the pause, in the same round trip (pause.py), and each booking tells of them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from penstock.pacing.meter import MICRO
from penstock.paths import pace_path
from penstock.ports import Clock, Snapshot
from penstock.services import Services

#: Fields of a limit's document beside its tails: until when nobody calls; until when newcomers queue behind
#: others; how much of the limit is used, in thousandths; how often the provider said 429.
NOT_BEFORE, QUEUED_UNTIL, FACTOR, THROTTLED = "not_before", "queued_until", "factor", "throttled"
WHOLE = 1000
#: The least of a limit that is used, whatever the provider says.
LEAST_FACTOR = 50


@dataclass(slots=True)
class Heard:
    """One limit's document. Times are microseconds of the store's clock; each can only have grown."""

    times: dict[str, int] = field(default_factory=dict)
    factor: float = 1.0
    #: What the provider's own headers say, which this instance alone has seen.
    clamp: float = 1.0
    clamped_until: int = 0

    def saw(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name == FACTOR:
                self.factor = max(LEAST_FACTOR, int(value)) / WHOLE
            elif isinstance(value, int):
                self.times[name] = max(value, self.times.get(name, 0))

    def free_at(self) -> int:
        """When a slot that is booked now would start, as far as is known."""
        tails = [value for name, value in self.times.items() if name.endswith("_tail")]
        return max([self.not_before, *tails])

    @property
    def not_before(self) -> int:
        return max(self.times.get(NOT_BEFORE, 0), self.clamped_until)

    @property
    def queued_until(self) -> int:
        return self.times.get(QUEUED_UNTIL, 0)

    @property
    def share(self) -> float:
        """How much of the limit is used."""
        return min(self.factor, self.clamp)


class Known:
    """By scope; a limit is read from when somebody touched it first."""

    def __init__(self) -> None:
        self._of: dict[str, Heard] = {}
        #: How far the store's clock is ahead of ours.
        self._ahead = timedelta()

    def of(self, s: Services, scope: str) -> Heard:
        heard = self._of.get(scope)
        if heard is None:
            heard = self._of[scope] = Heard()

            def note(found: Snapshot) -> None:
                self._ahead = found.read_at - s.clock.now()
                heard.saw(found.fields or {})

            s.pause.beside[pace_path(scope)] = note
        return heard

    def now(self, clock: Clock) -> int:
        """The store's time, as near as the newest read tells."""
        return micro(clock.now() + self._ahead)


def micro(when: datetime) -> int:
    return round(when.timestamp() * MICRO)
