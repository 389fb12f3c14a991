"""From which grade, or likelihood, on a cheap target's answers are wrong rarely enough to stand. Pure.

The rule is that of similar answers (penstock.similar.rule): for each threshold that is tried, how many
answers would have stood and how many of them were wrong; and the smallest share of which that says that fewer
are. With probability 5 % at most it says too little of any of those that are tried beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.cascades.judge import MOST
from penstock.similar.rule import ERROR, needed, wealth
from penstock_ops.comparing.measured import Measured

#: By what an answer is held to in a cascade (targets/checks.py): the values that are tried.
GRIDS: Final[Mapping[str, Sequence[float]]] = {
    "at_least": tuple(range(1, MOST + 1)),
    "likely": (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where answers stand from `least` on: `stand` of `asked`, `wrong` of them; and the share `at_most` of
    which can be said that fewer are wrong."""

    least: float
    asked: int
    stand: int
    wrong: int
    at_most: float


def thresholds(cases: Sequence[tuple[float | None, bool]], grid: Sequence[float]) -> list[Threshold]:
    """Of answers, each with its grade or likelihood, and whether it is wrong. One without never stands."""
    bar = len(grid) / ERROR
    found = []
    for least in grid:
        stand = [wrong for value, wrong in cases if value is not None and value >= least]
        at_most = most_wrong(len(stand), sum(stand), bar)
        found.append(Threshold(least, len(cases), len(stand), sum(stand), at_most))
    return found


def most_wrong(n: int, k: int, bar: float) -> float:
    """The smallest share at which the rule opens with `k` of `n` wrong; 1: at none. What is wealth enough at
    one share is so at every larger one."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if wealth(n, k, middle) >= bar else (middle, high)
    return high if high < 1 - 1e-9 else 1.0


def lowest(found: Sequence[Threshold], max_wrong: float) -> Threshold | None:
    """The one that lets most answers stand of which at most `max_wrong` are wrong; None: there is none."""
    return next((one for one in found if one.at_most <= max_wrong), None)


def enough(max_wrong: float, grid: Sequence[float]) -> int:
    """So many answers, none of them wrong, are needed at least."""
    return needed(max_wrong, len(grid) / ERROR)


def cases(one: Measured, by: str) -> list[tuple[float | None, bool]]:
    """Of a target: each answer that is known to be right or wrong. Right is what was expected; where nothing
    was, what the baseline said too."""
    right = [
        agrees if known is None else known
        for known, agrees in zip(one.values["right"], one.values["agrees"], strict=True)
    ]
    scores = one.scores.get(by) or [None] * len(right)
    return [(score, not told) for score, told in zip(scores, right, strict=True) if told is not None]
