"""The loads of `billed`: through the usual function, ours and an empty one; in bursts and in even streams."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from penstock_ops.bench.feeder import Delivery
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.lane import Pace
from penstock_ops.bench.report import percentile
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.steps import Steps
from penstock_ops.bench.stretches import billed_s, in_flight, inner

#: The model's time, in seconds.
LATENCY_S = 1.0
#: Of a steady stream: what is left out of p50 and p99 at either end, in seconds.
_EDGE_S = 1.0
#: How requests come: all of a width in the same instant, and the next when one has ended; or evenly.
BURST, STEADY = "burst", "steady"
#: The functions.
OURS, ONE_AT_A_TIME, EMPTY = "ours", "usual, one request per instance", "empty, waits as long"


@dataclass(frozen=True, slots=True)
class Run:
    """Requests through one instance, `width` of them at once, coming as `load` says."""

    name: str
    load: str
    width: int
    #: Billed instance-seconds per 1,000 requests.
    billed_s: float
    p50_s: float
    p99_s: float
    cpu_ms: float
    #: The mean that was seen.
    in_flight: float


Kind = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how often: widths of bursts and of steady streams, and a stream's seconds."""

    rounds: int
    bursts: tuple[int, ...]
    steadies: tuple[int, ...]
    stream_s: float


class Loads:
    """One project, three instances, and every load of a round."""

    def __init__(self, rig: Rig, usual: Instance, ours: Instance, empty: Instance) -> None:
        self._rig = rig
        self._usual = usual
        self._ours = ours
        self._empty = empty
        self._asked = 0

    async def round(self, plan: Plan, step: Steps) -> list[Run]:
        """Every load once. A stream of ours and of the empty function follow each other directly."""
        threads = 4 * (os.cpu_count() or 1)  # functions-framework's default
        runs = []
        for name, instance, width in (
            (ONE_AT_A_TIME, self._usual, 1),
            ("usual, default threads", self._usual, threads),
            *((OURS, self._ours, width) for width in plan.bursts),
        ):
            step(f"{name}: {width} in flight, in bursts")
            runs.append(await self.burst(name, instance, width, 5 * width))
        for width in plan.steadies:
            for name, instance in ((OURS, self._ours), (EMPTY, self._empty)):
                step(f"{name}: {width} in flight, steadily")
                runs.append(await self.steady(name, instance, width, plan.stream_s))
        return runs

    async def burst(self, name: str, instance: Instance, width: int, count: int) -> Run:
        """`count` requests that wait in the topic, at most `width` in flight: they start in lockstep."""
        await self._publish(count)
        before = instance.cpu_s()
        async with self._rig.feed((self._rig.topology.request_subscription, instance, width)) as feeder:
            deliveries = await feeder.until(count)
        cpu_ms = (instance.cpu_s() - before) / count * 1000
        until = max(delivery.ended for delivery in deliveries)
        return _run((name, BURST, width), deliveries, deliveries, until, cpu_ms)

    async def steady(self, name: str, instance: Instance, width: int, stream_s: float) -> Run:
        """As many a second as keep `width` in flight, evenly; percentiles without the stream's ends."""
        per_s = width / LATENCY_S
        pace = Pace(per_s, round(per_s * stream_s))
        await self._publish(pace.held)
        before = instance.cpu_s()
        async with self._rig.stream([instance], pace) as feeder:
            deliveries = await feeder.until(pace.held)
        cpu_ms = (instance.cpu_s() - before) / pace.held * 1000
        timed = inner(deliveries, _EDGE_S)
        until = max(delivery.started for delivery in timed)
        return _run((name, STEADY, width), deliveries, timed, until, cpu_ms)

    async def _publish(self, count: int) -> None:
        self._asked += 1
        await self._rig.publish(question(f"{self._asked}-{n}") for n in range(count))


def _run(
    kind: Kind, deliveries: Sequence[Delivery], timed: Sequence[Delivery], until: float, cpu_ms: float
) -> Run:
    """All are billed; percentiles are of the `timed`, in flight: the mean from their first start `until`."""
    seconds = [delivery.seconds for delivery in timed]
    return Run(
        *kind,
        billed_s=billed_s(deliveries) / len(deliveries) * 1000,
        p50_s=percentile(seconds, 0.5),
        p99_s=percentile(seconds, 0.99),
        cpu_ms=cpu_ms,
        in_flight=in_flight(deliveries, min(delivery.started for delivery in timed), until),
    )
