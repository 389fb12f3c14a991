"""What a run's deliveries amount to: billed seconds, how many were in flight, which width stays quick."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from penstock_ops.bench.feeder import Delivery

#: Cloud Run bills an instance while it works on at least one request, in whole steps of this (request-based
#: billing, https://cloud.google.com/run/pricing).
STEP_S = 0.1


def billed_s(deliveries: Sequence[Delivery], step_s: float = STEP_S) -> float:
    """Seconds in which one instance had a request, each stretch rounded up to `step_s`."""
    total, start, end = 0.0, -math.inf, -math.inf
    for delivery in sorted(deliveries, key=lambda delivery: delivery.started):
        if delivery.started > end:
            total += _rounded(end - start, step_s)
            start = delivery.started
            end = delivery.ended
        end = max(end, delivery.ended)
    return total + _rounded(end - start, step_s)


def _rounded(seconds: float, step_s: float) -> float:
    return math.ceil(round(seconds / step_s, 6)) * step_s if math.isfinite(seconds) else 0.0


def inner(deliveries: Sequence[Delivery], edge_s: float) -> list[Delivery]:
    """Those that started neither in the first nor in the last `edge_s` seconds of the starts."""
    starts = [delivery.started for delivery in deliveries]
    low, high = min(starts) + edge_s, max(starts) - edge_s
    return [delivery for delivery in deliveries if low <= delivery.started <= high]


def in_flight(deliveries: Sequence[Delivery], since: float, until: float) -> float:
    """Deliveries under way at once between two moments (monotonic seconds), the mean."""
    under_way = (min(each.ended, until) - max(each.started, since) for each in deliveries)
    return sum(seconds for seconds in under_way if seconds > 0) / (until - since)


def highest_within(p99_s: Mapping[int, float], most_s: float) -> int:
    """The highest width up to which every p99 stays within `most_s`; 0: not even the lowest's."""
    highest = 0
    for width, seconds in sorted(p99_s.items()):
        if seconds > most_s:
            break
        highest = width
    return highest
