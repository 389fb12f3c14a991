"""When a rule opens, exactly: by dynamic programming over (n, k), without a single random number.

The state after n judgements is how many said wrong. Whatever lies at or below the rule's bound has opened and
leaves; what is left moves on. So the sum of what left is the probability that it ever opens, looked at each
time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

#: A state less likely than this is dropped, and counted as if it had opened: the sum stays a bound.
_TRACE: Final = 1e-18


@dataclass(frozen=True, slots=True)
class Opening:
    """`at[n]` is the probability that the rule opens at the n-th judgement and not before.

    `dropped` is what was not followed to its end; with it, `ever` is never too small.
    """

    at: tuple[float, ...]
    dropped: float

    @property
    def ever(self) -> float:
        """How likely it opens within all judgements that were looked at."""
        return sum(self.at) + self.dropped

    def by(self, share: float) -> int | None:
        """After how many judgements it has opened with probability `share`; None: not within those."""
        return next((n for n, so_far in enumerate(accumulate(self.at)) if so_far >= share), None)


def opening(bounds: Iterable[int], p: float, most: int) -> Opening:
    """When a rule with these `bounds` opens, if each judgement says wrong with probability `p`, up to `most`
    judgements. `bounds`: for n = 0, 1, …, the largest k at which it opens; -1: at none."""
    alive: dict[int, float] = {0: 1.0}
    at, dropped = [], 0.0
    for n, bound in zip(range(most + 1), bounds, strict=False):
        if n:
            alive = _judged(alive, p)
        at.append(sum(alive.pop(k) for k in [k for k in alive if k <= bound]))
        for k in [k for k, mass in alive.items() if mass < _TRACE]:
            dropped += alive.pop(k)
    return Opening(tuple(at), dropped)


def _judged(alive: dict[int, float], p: float) -> dict[int, float]:
    """The states after one judgement more."""
    after: dict[int, float] = {}
    for k, mass in alive.items():
        after[k] = after.get(k, 0.0) + mass * (1 - p)
        after[k + 1] = after.get(k + 1, 0.0) + mass * p
    return after
