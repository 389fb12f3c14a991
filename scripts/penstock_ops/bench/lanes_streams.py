"""When the functions get deliveries, and which requests go out together: recorded traffic in each lane."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.timing import Timing
from penstock_ops.bench.bill import Shape, Tariff
from penstock_ops.bench.fleet import billed
from penstock_ops.tune.trace import TraceRow

#: What Terraform deploys.
_SHAPE: Final = Shape(1, 0.5, 80)
TIMING: Final = Timing()

#: Deliveries of one function: when each comes, and how long it takes, in seconds.
Stream = list[tuple[float, float]]


@dataclass(slots=True)
class Deliveries:
    """What the three functions get."""

    handler: Stream = field(default_factory=list)
    processor: Stream = field(default_factory=list)
    batcher: Stream = field(default_factory=list)

    def usd(self, tariff: Tariff) -> float:
        streams = [stream for stream in (self.handler, self.processor, self.batcher) if stream]
        return sum(
            tariff.on_request(_SHAPE, billed(one, _SHAPE.concurrency).seconds, len(one)) for one in streams
        )


def looks(seconds: float) -> Iterator[float]:
    """When a call that takes `seconds` is asked after (background/seam.py)."""
    at = 0.0
    while at < seconds:
        at += min(TIMING.kept_most_s, max(TIMING.kept_first_s, 0.6 * at))
        yield at


def polls(seconds: float) -> Iterator[float]:
    """When a batch that takes `seconds` is asked after (batches/polling.py)."""
    at, number = TIMING.batch_poll_s, 0
    yield at
    while at < seconds:
        at += min(TIMING.batch_poll_max_s, TIMING.batch_poll_s * 1.6**number)
        number += 1
        yield at


def piles(rows: Sequence[TraceRow], least: int) -> Iterator[list[TraceRow]]:
    """What goes out together: at the end of a stretch, once at least so many wait whose hour is the same."""
    waiting: list[TraceRow] = []
    for number, row in enumerate(rows):
        waiting.append(row)
        following = rows[number + 1].at_s if number + 1 < len(rows) else math.inf
        if _stretch(following) != _stretch(row.at_s) and len(waiting) >= least:
            yield waiting
            waiting = []
        elif following // 3600 != row.at_s // 3600:
            waiting = []  # fewer than wake a machine: each is asked at once when its time comes


def _stretch(at_s: float) -> float:
    return at_s // TIMING.pile_s
