"""The rule by which a similarity threshold opens: when evidence says that it is wrong rarely enough. Pure.

`n` answers that would have been served were judged, `k` of them wrong. The wealth of a gambler who bets that
the share of wrong ones is below delta grows only if that is so: a test martingale (Ville, Étude critique de
la notion de collectif, 1939). It may be looked at after every judgement, and needs no more than two counters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

#: How likely any threshold of a grid opens wrongly, at most.
ERROR: Final = 0.05
#: Thresholds that are tried beside each other.
GRID: Final = 8
#: The gambler bets a quarter each on so many times fewer wrong ones than delta.
BETS: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
#: What the wealth must reach where one threshold is tried, and where a whole grid is.
ONE_BAR: Final = 1 / ERROR
GRID_BAR: Final = GRID / ERROR
#: More than any bar, as a logarithm, and less than a float can hold.
_MOST: Final = 700.0


def wealth(n: int, k: int, delta: float) -> float:
    """What a stake of 1 has become after `n` judgements, `k` of them wrong.

    W(n, k) = 1/4 sum over f of f**k ((1 - f delta) / (1 - delta))**(n - k). While the true share of wrong
    ones is delta or more its expectation never grows: it ever reaches a bar b with probability 1/b at most.
    """
    parts = (
        math.exp(k * math.log(bet) + (n - k) * math.log((1 - bet * delta) / (1 - delta))) for bet in BETS
    )
    return math.fsum(parts) / len(BETS)


def alarm(n: int, k: int, delta: float) -> float:
    """The mirror of `wealth`, for a threshold that is open: its gambler bets that there are many times more
    wrong ones than delta. While the true share is delta or less it reaches a bar b with probability 1/b at
    most."""
    bets = [1 / bet for bet in BETS if delta < bet] or [(1 + 1 / delta) / 2]
    parts = (
        math.exp(min(k * math.log(bet) + (n - k) * math.log((1 - bet * delta) / (1 - delta)), _MOST))
        for bet in bets
    )
    return math.fsum(parts) / len(bets)


def bounds(delta: float, bar: float = GRID_BAR) -> Iterator[int]:
    """For n = 0, 1, 2, …: with how many wrong ones of n the threshold opens at most; -1: not with none.

    Raises ValueError unless 0 < delta < 1.
    """
    if not 0 < delta < 1:
        raise ValueError("The share of wrong answers that is allowed lies between 0 and 1, both excluded.")
    n, most = 0, -1
    while True:
        while most < n and wealth(n, most + 1, delta) >= bar:
            most += 1
        yield most
        n += 1


def needed(delta: float, bar: float = GRID_BAR) -> int:
    """How many judgements open a threshold if none of them says wrong."""
    return next(n for n, most in enumerate(bounds(delta, bar)) if most >= 0)


def corrected(delta: float, missed: float) -> float:
    """What the share that a judge sees must stay below, where it misses at most `missed` of the wrong."""
    return delta * (1 - missed)


def most_missed(missed: int, planted: int, error: float = ERROR) -> float:
    """How large a judge's share of misses may be, if it missed `missed` of `planted` wrong pairs: the upper
    end of Clopper and Pearson's interval (Biometrika 26, 1934), one look, wrong with probability `error`.

    Raises ValueError when there are no such counts.
    """
    if not 0 <= missed <= planted or planted == 0:
        raise ValueError("A judge is tried on at least one planted pair, and misses no more than there are.")
    if missed == planted:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):  # halved so often, the interval is narrower than a float can tell
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(missed, planted, middle) > error else (low, middle)
    return high


def _at_most(k: int, n: int, p: float) -> float:
    """P(a binomial of `n` and `p` is at most `k`)."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
