"""One stage of a sweep: what a load got out of the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from penstock_ops.tune.load import Observation
from penstock_ops.tune.metrics import EngineMetrics
from penstock_ops.tune.trace import Trace

#: Arrivals of the second half that must have been answered by its end for a rate to count as kept up with.
SUSTAINED_SHARE = 0.93


@dataclass(frozen=True)
class Stage:
    """Figures of one stage. Rates per second, times in seconds."""

    loop: Literal["closed", "open"]
    #: Requests in flight (closed) or arrivals per second offered (open).
    load: float
    requests: int
    rejected: int
    broken: int
    seconds: float
    requests_per_s: float
    input_tokens_per_s: float
    output_tokens_per_s: float
    mean_s: float
    p50_s: float
    p99_s: float
    #: Open loop: completions in the second half of the stage over arrivals in it.
    kept_up: float | None
    #: From the engine's own /metrics, over the stage; None where it does not tell.
    queue_s: float | None = None
    first_token_s: float | None = None

    @property
    def sustained(self) -> bool:
        return self.rejected == 0 and self.broken == 0 and (self.kept_up or 0.0) >= SUSTAINED_SHARE

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Stage:
        return cls(**found)


def closed_stage(
    concurrency: int,
    seen: Sequence[Observation],
    trace: Trace,
    before: EngineMetrics | None,
    after: EngineMetrics | None,
) -> Stage:
    """Figures of a closed loop. Throughput is concurrency over mean latency (Little's law), the
    latency taken at the trace's mean lengths, so that the draw of lengths does not move it."""
    good = [o for o in seen if o.answer.completed]
    latency = latency_at_means(good, trace) if good else float("inf")
    answered_share = _time_share(good, seen)
    return _stage("closed", concurrency, seen, concurrency * answered_share / latency, None, before, after)


def open_stage(
    rate: float, seen: Sequence[Observation], before: EngineMetrics | None, after: EngineMetrics | None
) -> Stage:
    """Figures of an open loop; throughput is what ended per second while arrivals were counted."""
    begin, end = seen[0].started, seen[-1].started
    middle = (begin + end) / 2
    arrived = sum(o.started >= middle for o in seen)
    ended = sum(o.answer.completed and middle <= o.ended <= end for o in seen)
    per_s = ended / (end - middle) if end > middle else 0.0
    return _stage("open", rate, seen, per_s, ended / max(1, arrived), before, after)


def latency_at_means(seen: Sequence[Observation], trace: Trace) -> float:
    """Mean latency of a request with the trace's mean lengths, by least squares.

    A request's latency grows linearly with both lengths while the load is constant, so the mean
    is moved along the fitted plane from the drawn lengths to the trace's (a control variate).
    """
    n = len(seen)
    mean_in = sum(o.row.input_tokens for o in seen) / n
    mean_out = sum(o.row.output_tokens for o in seen) / n
    mean = sum(o.latency for o in seen) / n
    xx = xy = yy = xl = yl = 0.0
    for o in seen:
        x, y, dl = o.row.input_tokens - mean_in, o.row.output_tokens - mean_out, o.latency - mean
        xx, xy, yy, xl, yl = xx + x * x, xy + x * y, yy + y * y, xl + x * dl, yl + y * dl
    determinant = xx * yy - xy * xy
    if n < 8 or determinant <= 1e-9 * xx * yy or determinant == 0:
        return mean
    per_in, per_out = (xl * yy - yl * xy) / determinant, (yl * xx - xl * xy) / determinant
    adjusted = mean + per_in * (trace.mean_input - mean_in) + per_out * (trace.mean_output - mean_out)
    return adjusted if 0.5 * mean < adjusted < 2 * mean else mean


def _time_share(good: Sequence[Observation], seen: Sequence[Observation]) -> float:
    total = sum(o.latency for o in seen)
    return sum(o.latency for o in good) / total if total > 0 else 0.0


def _stage(
    loop: Literal["closed", "open"],
    load: float,
    seen: Sequence[Observation],
    per_s: float,
    kept_up: float | None,
    before: EngineMetrics | None,
    after: EngineMetrics | None,
) -> Stage:
    good = [o for o in seen if o.answer.completed]
    latencies = sorted(o.latency for o in good)
    n = max(1, len(good))
    return Stage(
        loop=loop,
        load=load,
        requests=len(good),
        rejected=sum(o.answer.rejected for o in seen),
        broken=sum(not o.answer.completed and not o.answer.rejected for o in seen),
        seconds=max(o.ended for o in seen) - min(o.started for o in seen),
        requests_per_s=per_s,
        input_tokens_per_s=per_s * sum(o.answer.input_tokens for o in good) / n,
        output_tokens_per_s=per_s * sum(o.answer.output_tokens for o in good) / n,
        mean_s=sum(latencies) / n,
        p50_s=percentile(latencies, 0.5),
        p99_s=percentile(latencies, 0.99),
        kept_up=kept_up,
        queue_s=after.mean_since(before, "queue_s") if before and after else None,
        first_token_s=after.mean_since(before, "first_token_s") if before and after else None,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the sorted values do not exceed; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
