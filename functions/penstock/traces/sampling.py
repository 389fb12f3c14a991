"""Tail sampling: the trace of a life is kept or not when it is over and everything is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.messages.span import parse_traceparent
from penstock.requests.record import Record
from penstock.traces.lives import life_of


@dataclass(frozen=True, slots=True)
class Sampling:
    """`share` of what is neither failed, slow nor wanted by its sender; slow: `slow_s` and more."""

    share: float
    slow_s: float

    def why(self, record: Record) -> str | None:
        """Why the trace of a concluded life is kept; None: it is not."""
        if not record.completed:
            return "failed"
        if (record.result or {})["timings"]["total_ms"] >= self.slow_s * 1000:
            return "slow"
        parent = parse_traceparent(record.traceparent)
        if parent is not None and parent.sampled:
            return "parent"
        return "share" if _drawn(record) < self.share else None


def _drawn(record: Record) -> float:
    """Uniform in [0, 1), by the trace id's last 56 bits, as OpenTelemetry's samplers draw it: whoever else
    samples this trace by its id comes to the same end.
    """
    return int(life_of(record).trace_id[-14:], 16) / 2**56
