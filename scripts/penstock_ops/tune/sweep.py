"""The measurement: rising concurrency until throughput stops growing, closer steps around the
knee, then open-loop arrivals at rising rates up to the first that the engine cannot keep up with."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.load import Observation, Source, closed_loop, open_loop
from penstock_ops.tune.metrics import EngineMetrics
from penstock_ops.tune.prompts import calibrate
from penstock_ops.tune.results import Results
from penstock_ops.tune.stage import Stage, closed_stage, open_stage
from penstock_ops.tune.trace import Trace, balanced

Seen = list[Observation]
Reading = EngineMetrics | None

#: Doubling the concurrency must bring so much, or the step counts as flat.
GROWTH = 1.03
#: So many flat steps in a row, or rates not kept up with, end the rise.
FLAT_STEPS = 2
#: Concurrencies measured around the first estimate of the knee, as shares of it.
AROUND_THE_KNEE = (0.6, 0.8, 1.0, 1.25)
#: Open-loop rates, as shares of the best closed-loop throughput.
RATE_SHARES = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)
#: Longest wait for the engine to empty between stages, in seconds.
SETTLE_LIMIT_S = 15.0


@dataclass(frozen=True)
class SweepOptions:
    """How much to measure."""

    max_concurrency: int = 256
    #: Counted requests of a stage: at least this, and at least three for each one in flight.
    requests: int = 48
    #: No request is counted that starts later than this in a stage, in seconds.
    stage_limit_s: float = 60.0
    seed: int = 1
    open_loop: bool = True
    #: Exactly these concurrencies instead of the search.
    concurrencies: tuple[int, ...] = ()

    def counted(self, concurrency: int) -> int:
        """Counted requests of a closed stage."""
        return max(self.requests, 3 * concurrency)

    def arrivals(self, rate: float, latency_s: float) -> int:
        """Counted requests of an open stage: enough to last several times a request's latency."""
        return max(4 * self.requests, round(4 * rate * latency_s))


class Sweep:
    """Measures `trace` on `endpoint` into `results`; stages that are there already are not repeated."""

    def __init__(self, endpoint: Endpoint, trace: Trace, results: Results, options: SweepOptions) -> None:
        self._endpoint, self._trace, self._results, self._options = endpoint, trace, results, options
        self._source: Source | None = None

    async def run(self) -> AsyncIterator[Stage]:
        """Yield each stage as soon as it is known; raises TuneFault when the engine stops answering."""
        async for stage in self._closed():
            yield stage
        if self._options.open_loop:
            async for stage in self._open():
                yield stage

    async def _closed(self) -> AsyncIterator[Stage]:
        if self._options.concurrencies:
            for concurrency in self._options.concurrencies:
                yield await self._at_concurrency(concurrency)
            return
        async for stage in self._rise():
            yield stage
        for concurrency in self._around_the_knee():
            yield await self._at_concurrency(concurrency)

    async def _rise(self) -> AsyncIterator[Stage]:
        concurrency, best, flat = 1, 0.0, 0
        while concurrency <= self._options.max_concurrency and flat < FLAT_STEPS:
            stage = await self._at_concurrency(concurrency)
            yield stage
            if stage.rejected:
                return  # the engine's own limit: more concurrency only brings more refusals
            flat = flat + 1 if stage.requests_per_s < GROWTH * best else 0
            best = max(best, stage.requests_per_s)
            concurrency *= 2

    def _around_the_knee(self) -> list[int]:
        knee = self._results.knee
        if knee is None:
            return []
        near = sorted({max(1, round(knee.concurrency * share)) for share in AROUND_THE_KNEE})
        return [
            c for c in near if c <= self._options.max_concurrency and not self._results.stage("closed", c)
        ]

    async def _open(self) -> AsyncIterator[Stage]:
        best = max((s.requests_per_s for s in self._results.closed), default=0.0)
        if best <= 0:
            return
        behind = 0
        for share in RATE_SHARES:
            stage = await self._at_rate(round(share * best, 4))
            yield stage
            behind = 0 if stage.sustained else behind + 1
            if behind == FLAT_STEPS:
                return

    def _latency_at_best(self) -> float:
        """Mean seconds of a request at the knee, by Little's law."""
        knee = self._results.knee
        return knee.concurrency / knee.requests_per_s if knee else 1.0

    async def _at_concurrency(self, concurrency: int) -> Stage:
        counted = self._options.counted(concurrency)

        async def load(source: Source) -> Seen:
            return await closed_loop(source, concurrency, counted, self._options.stage_limit_s)

        def summarise(seen: Seen, before: Reading, after: Reading) -> Stage:
            return closed_stage(concurrency, seen, self._trace, before, after)

        return await self._measure("closed", concurrency, load, summarise)

    async def _at_rate(self, rate: float) -> Stage:
        counted = self._options.arrivals(rate, self._latency_at_best())

        async def load(source: Source) -> Seen:
            return await open_loop(source, rate, counted, counted / rate + self._options.stage_limit_s)

        def summarise(seen: Seen, before: Reading, after: Reading) -> Stage:
            return open_stage(rate, seen, before, after)

        return await self._measure("open", rate, load, summarise)

    async def _measure(
        self,
        loop: str,
        load: float,
        run: Callable[[Source], Awaitable[Seen]],
        summarise: Callable[[Seen, Reading, Reading], Stage],
    ) -> Stage:
        known = self._results.stage(loop, load)
        if known:
            return known
        source = await self._prepared()
        before = await self._endpoint.read_metrics()
        seen = await run(source)
        after = await self._endpoint.read_metrics()
        if not seen:
            raise TuneFault(
                f"no request ended within {self._options.stage_limit_s:.0f} s at {loop} load {load:g}; "
                "raise --stage-seconds or shorten the requests with --scale"
            )
        if all(o.answer.status == 0 for o in seen):
            raise TuneFault(f"{self._endpoint.url} stopped answering at {loop} load {load:g}")
        stage = summarise(seen, before, after)
        self._results.add(stage)
        return stage

    async def _prepared(self) -> Source:
        """Wait for an empty engine; calibrate the prompts once."""
        if self._source is None:
            writer = await calibrate(self._endpoint)
            trace, seed = self._trace, self._options.seed
            unused = itertools.count(time.time_ns())  # a resumed sweep must not repeat prompts either
            self._source = Source(self._endpoint, writer, lambda: balanced(trace, seed), seed, unused)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < SETTLE_LIMIT_S:
            found = await self._endpoint.read_metrics()
            if found is None or found.values.get("running", 0) + found.values.get("waiting", 0) == 0:
                break
            await asyncio.sleep(0.2)
        return self._source
