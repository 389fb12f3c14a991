"""How long a target took, as counts by length, older ones counting less and less.

Each count halves with every half-life, so that a target that has become slow, or fast again, is known as such
after a few days, and nothing has to be kept of single requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

#: Lengths lie between powers of the square root of two: a quantile is right to a fifth at worst, and 31 days
#: are the 46th.
_STEP: Final = math.sqrt(2)
#: What counts as longer than anything: a request that its deadline overtook.
NEVER_S: Final = 62 * 24 * 3600.0
#: What is left of a count that nobody misses.
_TRACE: Final = 1e-3


def bucket_of(seconds: float) -> int:
    """The number of the bucket of lengths above `_STEP ** (number - 1)` and up to `_STEP ** number`."""
    return max(0, math.ceil(math.log(max(seconds, 1e-9), _STEP) - 1e-9))


def end_of(bucket: int) -> float:
    """The longest of a bucket's lengths, in seconds."""
    return _STEP**bucket


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket, as they were worth at `at`."""

    at: datetime
    counts: Mapping[int, float] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        return sum(self.counts.values())

    def faded(self, now: datetime, half_life_s: float) -> Histogram:
        """What it is worth `now`; another machine's clock that is behind changes nothing."""
        age_s = max(0.0, (now - self.at).total_seconds())
        left = 0.5 ** (age_s / half_life_s)
        counts = {bucket: count * left for bucket, count in self.counts.items() if count * left > _TRACE}
        return Histogram(max(now, self.at), counts)

    def with_one(self, seconds: float) -> Histogram:
        """One more of this length, at its full worth."""
        bucket = bucket_of(seconds)
        return Histogram(self.at, {**self.counts, bucket: self.counts.get(bucket, 0.0) + 1.0})

    def within(self, seconds: float) -> float:
        """The sum of counts that took at most `seconds`; a bucket that it cuts counts by its share."""
        return sum(count * _share(bucket, seconds) for bucket, count in self.counts.items())


def _share(bucket: int, seconds: float) -> float:
    """The share of a bucket's lengths that are at most `seconds`, as if they lay evenly in it."""
    low = end_of(bucket - 1) if bucket else 0.0
    return min(1.0, max(0.0, (seconds - low) / (end_of(bucket) - low)))
