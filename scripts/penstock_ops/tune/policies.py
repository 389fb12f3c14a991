"""Three ways to hand arriving requests to an engine, and the replay that compares them.

`OneAtATime` waits for each answer. `StaticBatch` collects until the batch is full or the first of
it has waited long enough, sends the batch as one and hands nothing back before all of it is done:
what a server without continuous batching does. `Continuous` sends at once and leaves batching to
the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.stage import percentile


@dataclass(frozen=True)
class Arrival:
    """One request of the experiment: when it comes, what it says, how long its answer is."""

    at_s: float
    prompt: str
    output_tokens: int


@dataclass(frozen=True)
class Passage:
    """One request's way: arrived, in the engine from `sent` to `computed`, handed back at `answered`."""

    arrived: float
    sent: float
    computed: float
    answered: float


class Policy(Protocol):
    """Takes a request when it arrives; returns once its answer may be handed back."""

    name: str

    async def serve(self, endpoint: Endpoint, arrival: Arrival) -> tuple[float, float]:
        """(sent, computed), on the event loop's clock."""
        ...


async def _compute(endpoint: Endpoint, arrival: Arrival) -> tuple[float, float]:
    loop = asyncio.get_running_loop()
    sent = loop.time()
    answer = await endpoint.ask(arrival.prompt, arrival.output_tokens)
    if not answer.completed:
        raise TuneFault(f"{endpoint.url} answered HTTP {answer.status} in the middle of the experiment")
    return sent, loop.time()


@dataclass
class OneAtATime:
    """No batching."""

    name: str = "one at a time"
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def serve(self, endpoint: Endpoint, arrival: Arrival) -> tuple[float, float]:
        async with self._turn:
            return await _compute(endpoint, arrival)


@dataclass
class Continuous:
    """Everything goes to the engine at once."""

    name: str = "continuous"

    async def serve(self, endpoint: Endpoint, arrival: Arrival) -> tuple[float, float]:
        return await _compute(endpoint, arrival)


_Waiting = tuple[Arrival, asyncio.Future[tuple[float, float]]]


@dataclass
class StaticBatch:
    """Batches of `size`, or of what came within `timeout_s` of the first; one batch at a time."""

    size: int
    timeout_s: float
    name: str = ""
    _open: list[_Waiting] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.name = self.name or f"static {self.size} / {self.timeout_s:g} s"

    async def serve(self, endpoint: Endpoint, arrival: Arrival) -> tuple[float, float]:
        done: asyncio.Future[tuple[float, float]] = asyncio.get_running_loop().create_future()
        batch, full = self._open, self._full
        batch.append((arrival, done))
        if len(batch) == self.size:
            self._close(batch)
        if len(batch) == 1:
            await self._lead(endpoint, batch, full)
        return await done

    def _close(self, batch: list[_Waiting]) -> None:
        """Let nobody else into this batch; the next arrival begins another."""
        if self._open is batch:
            self._full.set()
            self._open, self._full = [], asyncio.Event()

    async def _lead(
        self,
        endpoint: Endpoint,
        batch: list[_Waiting],
        full: asyncio.Event,
    ) -> None:
        """The first of a batch waits for it to fill or time out, then for its turn, then runs it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timeout_s):
                await full.wait()
        async with self._turn:
            self._close(batch)
            times = await asyncio.gather(*(_compute(endpoint, arrival) for arrival, _ in batch))
        for (_, done), time in zip(batch, times, strict=True):
            done.set_result(time)


@dataclass(frozen=True)
class Figures:
    """What a policy got out of the engine. Times in seconds."""

    policy: str
    requests: int
    requests_per_s: float
    p50_s: float
    p99_s: float
    #: Share of the time in which the engine had anything to do.
    busy: float
    #: Mean share of the engine's slots in use.
    slots: float


async def replay(endpoint: Endpoint, policy: Policy, arrivals: Sequence[Arrival], slots: int) -> Figures:
    """Run `arrivals` through `policy`; raises TuneFault when the engine refuses one."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    seen: list[Passage] = []

    async def one(arrival: Arrival) -> None:
        await asyncio.sleep(begun + arrival.at_s - loop.time())
        arrived = loop.time()
        sent, computed = await policy.serve(endpoint, arrival)
        seen.append(Passage(arrived, sent, computed, loop.time()))

    try:
        async with asyncio.TaskGroup() as group:
            for arrival in arrivals:
                group.create_task(one(arrival))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return _figures(policy.name, seen, slots)


def _figures(name: str, seen: Sequence[Passage], slots: int) -> Figures:
    begin, end = min(p.arrived for p in seen), max(p.answered for p in seen)
    latencies = sorted(p.answered - p.arrived for p in seen)
    busy = filled = 0.0
    edges = sorted([(p.sent, 1) for p in seen] + [(p.computed, -1) for p in seen])
    inside, last = 0, begin
    for at, step in edges:
        busy += (at - last) * (inside > 0)
        filled += (at - last) * min(inside, slots) / slots
        inside, last = inside + step, at
    lasting = end - begin
    return Figures(
        policy=name,
        requests=len(seen),
        requests_per_s=len(seen) / lasting,
        p50_s=percentile(latencies, 0.5),
        p99_s=percentile(latencies, 0.99),
        busy=busy / lasting,
        slots=filled / lasting,
    )
