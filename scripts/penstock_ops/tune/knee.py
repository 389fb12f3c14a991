"""The knee: the smallest concurrency that yields nearly all of an engine's throughput.

Little's law turns throughput X at concurrency c into mean time in the engine, R = c / X. For an
engine that batches, R grows along a line α + β·c (α: what a step costs whatever is in it, β: what
each sequence adds) until a limit is met (sequences, KV cache, memory bandwidth), and from there
along γ·c, a line through the origin: more waiting, no more throughput. The fitted curve is
R(c) = max(α + β·c, γ·c), so X(c) = c / R(c) has no noise, and the knee can lie between two
measured points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: The knee is the smallest concurrency with this share of the best throughput.
KNEE_SHARE = 0.97
#: The knee is reached when doubling the highest concurrency would bring less than this factor.
STILL_RISING = 1.05


@dataclass(frozen=True)
class Knee:
    """Where adding concurrency stops paying, with the fitted curve it was read from."""

    concurrency: float
    requests_per_s: float
    best_requests_per_s: float
    #: False when throughput still rose at the highest concurrency that was measured.
    reached: bool
    alpha: float
    beta: float
    gamma: float

    @property
    def whole(self) -> int:
        """The knee as a number of requests: rounded up, but for what is within the error anyway."""
        return max(1, math.ceil(self.concurrency - 0.25))

    def throughput(self, concurrency: float) -> float:
        """The fitted requests per second at `concurrency`."""
        return concurrency / max(self.alpha + self.beta * concurrency, self.gamma * concurrency)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_knee(points: Sequence[tuple[float, float]]) -> Knee | None:
    """The knee of (concurrency, requests per second) points; None for fewer than three points."""
    usable = sorted((c, x) for c, x in points if c > 0 and x > 0)
    usable = _without_decline(usable)
    if len(usable) < 3:
        return None
    times = [(c, c / x) for c, x in usable]
    splits = [len(times), *range(2, len(times) - 1)]  # all rising, or at least two on the plateau
    fits = [_fit(times, split) for split in splits]
    alpha, beta, gamma = min(fits, key=lambda f: _misfit(times, *f))
    highest = usable[-1][0]
    floor = max(gamma, alpha / highest + beta)  # seconds per request at the best throughput
    slack = floor / KNEE_SHARE - beta
    at = min(highest, alpha / slack) if slack > 0 else highest
    doubled = max(gamma, alpha / (2 * highest) + beta)
    reached = floor < STILL_RISING * doubled
    return Knee(max(1.0, at), KNEE_SHARE / floor, 1 / floor, reached, alpha, beta, gamma)


def _without_decline(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out what lies past the best point and clearly below it: thrashing is no plateau."""
    if not points:
        return points
    best_c, best_x = max(points, key=lambda p: p[1])
    return [(c, x) for c, x in points if c <= best_c or x >= 0.95 * best_x]


def _fit(times: Sequence[tuple[float, float]], split: int) -> tuple[float, float, float]:
    """(α, β, γ) with the first `split` points on the rising line and the rest on γ·c."""
    alpha, beta = _line(times[:split])
    rest = times[split:]
    gamma = sum(r / c for c, r in rest) / len(rest) if rest else 0.0
    return alpha, beta, gamma


def _line(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """α, β ≥ 0 of the line with the smallest relative errors (weights 1/R²)."""
    weights = [1 / (r * r) for _, r in times]
    total = sum(weights)
    mean_c = sum(w * c for w, (c, _) in zip(weights, times, strict=True)) / total
    mean_r = sum(w * r for w, (_, r) in zip(weights, times, strict=True)) / total
    cc = sum(w * (c - mean_c) ** 2 for w, (c, _) in zip(weights, times, strict=True))
    cr = sum(w * (c - mean_c) * (r - mean_r) for w, (c, r) in zip(weights, times, strict=True))
    beta = max(0.0, cr / cc) if cc > 0 else 0.0
    alpha = mean_r - beta * mean_c
    if alpha <= 0:
        return 0.0, sum(w * c * r for w, (c, r) in zip(weights, times, strict=True)) / sum(
            w * c * c for w, (c, _) in zip(weights, times, strict=True)
        )
    return alpha, beta


def _misfit(times: Sequence[tuple[float, float]], alpha: float, beta: float, gamma: float) -> float:
    return sum((max(alpha + beta * c, gamma * c) / r - 1) ** 2 for c, r in times)
