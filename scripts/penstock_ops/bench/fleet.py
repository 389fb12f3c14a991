"""How many instance-seconds a stream of requests is billed for: Cloud Run's packing, simulated.

A request goes to the first instance with room; a new instance starts when there is none. An instance is
billed while it has a request, each stretch rounded up to 100 ms (request-based billing).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock_ops.bench.stretches import STEP_S


@dataclass(frozen=True, slots=True)
class Bill:
    """Instance-seconds billed, and the most instances at once."""

    seconds: float
    instances: int


def billed(requests: Sequence[tuple[float, float]], concurrency: int) -> Bill:
    """The bill of `requests` (arrival, duration; seconds), `concurrency` at once per instance."""
    busy: list[list[float]] = []  # of each instance: the ends of its requests, a heap
    began: list[float] = []
    total, most = 0.0, 0
    for start, duration in sorted(requests):
        for index, ends in enumerate(busy):
            total += _release(ends, began, index, start)
        room = next((index for index, ends in enumerate(busy) if len(ends) < concurrency), None)
        if room is None:
            busy.append([])
            began.append(start)
            room = len(busy) - 1
        if not busy[room]:
            began[room] = start
        heapq.heappush(busy[room], start + duration)
        most = max(most, sum(bool(ends) for ends in busy))
    total += sum(_release(ends, began, index, math.inf) for index, ends in enumerate(busy))
    return Bill(total, most)


def _release(ends: list[float], began: list[float], index: int, now: float) -> float:
    """Take off what has ended by `now`; the seconds billed when the instance fell idle with it."""
    last = -math.inf
    while ends and ends[0] <= now:
        last = heapq.heappop(ends)
    if ends or last == -math.inf:
        return 0.0
    return math.ceil(round((last - began[index]) / STEP_S, 6)) * STEP_S
