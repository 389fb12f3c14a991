"""The rule: of all that may answer, the cheapest that is likely enough to be in time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Lanes that answer while somebody waits; after any other the request may have to be asked again at once.
_AT_ONCE: Final = frozenset({"sync"})


@dataclass(frozen=True, slots=True)
class Option:
    """One target as the rule sees it. `usd`: what it asks for; None: the price book cannot tell.

    `p_in_time`: how likely it ends before it has to be left, 0 to 1.
    """

    target: str
    lane: str
    usd: float | None
    p_in_time: float


def at_once(option: Option) -> bool:
    """Whether somebody waits for its answer."""
    return option.lane in _AT_ONCE


def choose(options: Sequence[Option], confidence: float) -> Option:
    """The option of the lowest expected cost whose `p_in_time` reaches `confidence`; of equals the earlier.

    Where none reaches it, the one most likely in time. What cannot be priced is chosen only if nothing can.
    """
    priced = [option for option in options if option.usd is not None] or list(options)
    in_time = [option for option in priced if option.p_in_time >= confidence]
    if not in_time:
        return max(priced, key=lambda option: option.p_in_time)
    return min(in_time, key=lambda option: expected_usd(option, options) or 0.0)


def expected_usd(option: Option, options: Sequence[Option]) -> float | None:
    """lane price + (1 - P(in time)) x the price of what follows, in USD; None without a price.

    What follows a lane that waits is the cheapest of those that do not; after those nothing follows.
    """
    if option.usd is None or at_once(option):
        return option.usd
    follow = [other.usd for other in options if at_once(other) and other.usd is not None]
    return option.usd + (1 - option.p_in_time) * min(follow, default=0.0)
