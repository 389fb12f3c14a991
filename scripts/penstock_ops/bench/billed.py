"""`billed`: billed instance-seconds per 1,000 requests, the model taking one second for each."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from penstock_ops.bench.feeder import Delivery
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, percentile
from penstock_ops.bench.rig import Rig, question
from penstock_ops.faults import OperatorFault

#: Cloud Run bills an instance while it works on at least one request, in whole steps of this (request-based
#: billing, https://cloud.google.com/run/pricing).
STEP_S = 0.1
LATENCY_S = 1.0
#: DESIGN: fewer billed seconds than one request per instance, and the concurrency that it is stated for.
TIMES_FEWER, AT = 72.0, 80
_AIM = 150
#: How much the slowest hundredth may add to a request that has the instance for itself.
_SLOWER = 1.10
_USUAL = Path(__file__).parent / "reference" / "usual.py"


@dataclass(frozen=True, slots=True)
class Run:
    """`width` deliveries in flight at one instance."""

    name: str
    width: int
    billed_s: float
    p50_s: float
    p99_s: float
    cpu_ms: float


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


async def run(rig: Rig, options: Options) -> Section:
    """The usual function and ours in turn, round by round, on the same core. Raises OperatorFault."""
    if find_spec("openai") is None:
        raise OperatorFault("billed compares with a function on the openai SDK: pip install -e '.[cli,test]'")
    rounds = 1 if options.quick else 3
    widths = (AT,) if options.quick else (1, AT, 110, _AIM, 200)
    async with model_process(LATENCY_S, rig.folder) as model_url:
        usual = Instance("usual", rig.env(model_url, OPENAI_BASE_URL=model_url), rig.folder, source=_USUAL)
        ours = Instance("request_handler", rig.env(model_url), rig.folder)
        bench = _Bench(rig, usual, ours)
        async with rig.running(usual, ours):
            await bench.measure("warm-up", ours, 20, 40)
            await bench.measure("warm-up", usual, 1, 1)
            runs = [one for _ in range(rounds) for one in await bench.round(widths)]
    return _section(runs, rounds)


class _Bench:
    def __init__(self, rig: Rig, usual: Instance, ours: Instance) -> None:
        self._rig = rig
        self._usual = usual
        self._ours = ours
        self._asked = 0

    async def round(self, widths: Sequence[int]) -> list[Run]:
        threads = 4 * (os.cpu_count() or 1)  # functions-framework's default
        return [
            await self.measure(_ONE_AT_A_TIME, self._usual, 1, 5),
            await self.measure("usual, default threads", self._usual, threads, 5 * threads),
            *[await self.measure("ours", self._ours, width, 5 * width) for width in widths],
        ]

    async def measure(self, name: str, instance: Instance, width: int, count: int) -> Run:
        """`count` requests that wait in the topic, at most `width` in flight."""
        await self._publish(count)
        before = instance.cpu_s()
        async with self._rig.feed((self._rig.topology.request_subscription, instance, width)) as feeder:
            deliveries = await feeder.until(count)
        cpu_ms = (instance.cpu_s() - before) / count * 1000
        return _run(name, width, deliveries, count, cpu_ms, billed_s(deliveries))

    async def _publish(self, count: int) -> None:
        self._asked += 1
        await self._rig.publish(question(f"{self._asked}-{n}") for n in range(count))


_ONE_AT_A_TIME = "usual, one request per instance"


def _run(
    name: str, width: int, deliveries: Sequence[Delivery], count: int, cpu_ms: float, billed: float
) -> Run:
    seconds = [delivery.seconds for delivery in deliveries]
    per_thousand = billed / count * 1000
    return Run(name, width, per_thousand, percentile(seconds, 0.5), percentile(seconds, 0.99), cpu_ms)


def _section(runs: Sequence[Run], rounds: int) -> Section:
    kinds = list(dict.fromkeys((run.name, run.width) for run in runs))
    medians = {kind: _median([run for run in runs if (run.name, run.width) == kind]) for kind in kinds}
    base = next(run for run in medians.values() if run.name == _ONE_AT_A_TIME)
    rows = [
        (
            run.name,
            str(run.width),
            f"{run.billed_s:,.1f}",
            f"{base.billed_s / run.billed_s:.1f}×",
            f"{run.p50_s:.3f}",
            f"{run.p99_s:.3f}",
            f"{run.cpu_ms:.1f}",
        )
        for run in medians.values()
    ]
    ours = [run for run in medians.values() if run.name == "ours"]
    at_80 = base.billed_s / next(run for run in ours if run.width == AT).billed_s
    alone = min(ours, key=lambda run: run.width)
    within = [run.width for run in ours if run.p99_s <= _SLOWER * alone.p50_s] if alone.width == 1 else []
    figures = [
        Figure(
            f"times fewer than one request per instance, at {AT}",
            at_80,
            f"≥ {TIMES_FEWER:g}",
            at_80 >= TIMES_FEWER,
        )
    ]
    if alone.width == 1:
        highest = max(within, default=0)
        name = "highest concurrency with p99 within + 10 % of a request alone"
        figures.append(Figure(name, highest, f"≥ {_AIM}", highest >= _AIM))
    return Section(
        name="billed",
        title=f"Billed instance-seconds per 1,000 requests, {LATENCY_S:g} s a model call, {rounds} rounds",
        columns=("function", "in flight", "billed s / 1,000", "fewer", "p50 s", "p99 s", "CPU ms"),
        rows=rows,
        figures=figures,
        bars=[(f"{run.name} ({run.width})", run.billed_s) for run in medians.values()],
        notes=(
            "Medians. Each run takes five rounds of model calls, its first and last included. The "
            "response_processor is an instance of its own: where results come without a pause it is "
            "billed for as long again, at most.",
        ),
        data={"runs": [{name: getattr(run, name) for name in Run.__slots__} for run in medians.values()]},
    )


def _median(runs: Sequence[Run]) -> Run:
    figures = [
        median([getattr(run, name) for run in runs]) for name in ("billed_s", "p50_s", "p99_s", "cpu_ms")
    ]
    return Run(runs[0].name, runs[0].width, *figures)
