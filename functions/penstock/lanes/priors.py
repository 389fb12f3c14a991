"""What is believed of a target's time before it was seen: a lognormal through two quantiles.

It counts as much as a few requests would, so that a day of traffic outweighs it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from penstock.targets.routes import Target

#: As many requests does the belief count as.
WEIGHT: Final = 4.0

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Prior:
    """Half of all take at most `median_s` seconds, 95 of 100 at most `p95_s`."""

    median_s: float
    p95_s: float

    def within(self, seconds: float) -> float:
        """How likely one takes at most `seconds`, 0 to 1."""
        if seconds <= 0:
            return 0.0
        sigma = math.log(self.p95_s / self.median_s) / _NORMAL.inv_cdf(0.95)
        return _NORMAL.cdf(math.log(seconds / self.median_s) / sigma)


#: Nobody publishes these; assumed on the safe side. Slow tiers answer within the timeout that OpenAI advises
#: for flex, 15 minutes (its guide to flex processing).
_AT_ONCE: Final = Prior(3.0, 30.0)
_SLOW: Final = Prior(60.0, 900.0)
#: Of batches: through 10 minutes for 58 of 100 and 2 hours for 95, which OpenRouter published for its own
#: (November 2026); with a day as the window that providers name.
_BATCH: Final = Prior(430.0, 6600.0)
#: What a provider keeps is asked after once a minute at first. A window is what it aims at.
_KEPT: Final = {None: Prior(90.0, 600.0), "2h": Prior(1800.0, 7200.0), "8h": Prior(7200.0, 28_800.0)}
_SLOW_TIERS: Final = frozenset({"flex"})


def prior_of(target: Target) -> Prior:
    """What is believed of `target`."""
    if target.lane == "background":
        return _KEPT[target.window]
    if target.waits:
        return _BATCH
    return _SLOW if target.service_tier in _SLOW_TIERS else _AT_ONCE
