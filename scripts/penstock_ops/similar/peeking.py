"""The control that must fail: Clopper and Pearson's bound, looked at after every judgement.

It is right for one look that was planned beforehand. Whoever looks each time and opens at the first good
moment is wrong far more often than it says, and the exact calculation has to show that.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.similar.rule import ERROR


def peeking_bounds(delta: float, error: float = ERROR) -> Iterator[int]:
    """For n = 0, 1, 2, …: the largest k whose upper bound for the share is at most `delta`; -1: none.

    The bound is at most delta where so few are wrong with probability `error` at most if the share is delta.
    """
    # As k grows only with n, it is enough to carry P(X = k) and P(X <= k) along, and both stay exact.
    n, k, point, below = 0, 0, 1.0, 1.0
    while True:
        while below <= error:
            k += 1
            point *= (n - k + 1) / k * delta / (1 - delta)
            below += point
        yield k - 1
        # P(X <= k) of n + 1 = P(X <= k) of n - delta P(X = k) of n
        below -= delta * point
        point *= (n + 1) / (n + 1 - k) * (1 - delta)
        n += 1
