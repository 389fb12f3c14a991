"""How sure a difference of two means is: bootstrap intervals, or that there is not enough data. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

#: Fewer values than this say nothing of a mean's scatter that a person should act on.
ENOUGH: Final = 30
#: Resamples; the ends of a 95 % interval are then their 25th from either end.
_TIMES: Final = 1_000
_TAIL: Final = 25


@dataclass(frozen=True, slots=True)
class Difference:
    """`by`: how much larger the second mean is; `low`, `high`: the 95 % interval around it."""

    by: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves no doubt which of the two is larger."""
        return self.low > 0 or self.high < 0


def difference(one: Sequence[float], other: Sequence[float]) -> Difference | None:
    """Mean of `other` less mean of `one`, which have nothing to do with each other; None: not enough data.

    Percentile bootstrap (Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13). The same
    values give the same interval.
    """
    if min(len(one), len(other)) < ENOUGH:
        return None
    dice = random.Random(len(one) * 1_000_003 + len(other))  # noqa: S311 (no secret)
    by = sorted(_again(dice, other) - _again(dice, one) for _ in range(_TIMES))
    return Difference(fmean(other) - fmean(one), by[_TAIL], by[-1 - _TAIL])


def paired(one: Sequence[float | None], other: Sequence[float | None]) -> Difference | None:
    """Mean of `other` less mean of `one`, value by value of the same question, where both have one; None: not
    enough data. What a question adds to both falls out, so that fewer suffice."""
    each = [b - a for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if len(each) < ENOUGH:
        return None
    dice = random.Random(len(each))  # noqa: S311 (no secret)
    by = sorted(_again(dice, each) for _ in range(_TIMES))
    return Difference(fmean(each), by[_TAIL], by[-1 - _TAIL])


def _again(dice: random.Random, values: Sequence[float]) -> float:
    """The mean of as many values, drawn from `values` with repetition."""
    return fmean(dice.choices(values, k=len(values)))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of all do not exceed; None where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
