"""Load: closed loop (a fixed number in flight) and open loop (arrivals that wait for nobody).

Both issue requests beyond the counted ones until the last counted one has ended, then break the
rest off. The counted requests therefore all run under the same load, none is left out for being
long, and the mix of lengths is exactly the one that was drawn.
All times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from penstock_ops.tune.endpoint import Answer, Endpoint
from penstock_ops.tune.prompts import PromptWriter
from penstock_ops.tune.trace import TraceRow

#: Pause after a rejection, so that a full engine is not asked again at once.
REJECTED_PAUSE_S = 0.25


@dataclass(frozen=True)
class Observation:
    """One counted request: the row it was drawn from and what became of it."""

    row: TraceRow
    started: float
    ended: float
    answer: Answer

    @property
    def latency(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True)
class Source:
    """Where requests come from and go to."""

    endpoint: Endpoint
    writer: PromptWriter
    rows: Callable[[], Iterator[TraceRow]]
    seed: int
    #: Names the next prompt; never falls back, so that no stage finds its prompts in the prefix cache.
    prompts: Iterator[int]

    async def send(self, row: TraceRow) -> Observation:
        loop = asyncio.get_running_loop()
        prompt = self.writer.write(row.input_tokens, next(self.prompts))
        started = loop.time()
        answer = await self.endpoint.ask(prompt, row.output_tokens)
        return Observation(row, started, loop.time(), answer)


async def closed_loop(source: Source, concurrency: int, counted: int, limit_s: float) -> list[Observation]:
    """Keep `concurrency` requests in flight; return the `counted` ones after a warm-up of as many
    completions as there are slots. After `limit_s` no further request is counted, so fewer return."""
    loop = asyncio.get_running_loop()
    rows = source.rows()
    kept: list[Observation] = []
    begun = loop.time()
    completed = open_counted = 0
    done = asyncio.Event()

    async def worker() -> None:
        nonlocal completed, open_counted
        while True:
            late = loop.time() - begun > limit_s
            counts = completed >= concurrency and len(kept) + open_counted < counted and not late
            open_counted += counts
            seen = await source.send(next(rows))
            completed += 1
            if counts:
                open_counted -= 1
                kept.append(seen)
            out_of_time = loop.time() - begun > limit_s and open_counted == 0
            if len(kept) >= counted or out_of_time:
                done.set()
                return
            if seen.answer.rejected:
                await asyncio.sleep(REJECTED_PAUSE_S)

    async with _background() as start:
        for _ in range(concurrency):
            start(worker())
        await done.wait()
    return kept


async def open_loop(source: Source, rate: float, counted: int, limit_s: float) -> list[Observation]:
    """Poisson arrivals at `rate` per second; return the `counted` first ones. Arrivals go on until
    those have ended, but no longer than `limit_s`, when what has not ended counts as broken off."""
    loop = asyncio.get_running_loop()
    rows, gaps = source.rows(), random.Random(source.seed)  # noqa: S311 (a reproducible workload)
    kept: list[Observation] = []
    flying: dict[int, tuple[TraceRow, float]] = {}
    begun = loop.time()
    done = asyncio.Event()

    async def one(number: int, row: TraceRow) -> None:
        if number < counted:
            flying[number] = (row, loop.time())
        seen = await source.send(row)
        if number < counted:
            del flying[number]
            kept.append(seen)
            if len(kept) == counted:
                done.set()

    async def arrivals() -> None:
        number, due = 0, begun
        while loop.time() - begun < limit_s:
            due += gaps.expovariate(rate)
            await asyncio.sleep(due - loop.time())
            start(one(number, next(rows)))
            number += 1
        done.set()

    async with _background() as start:
        start(arrivals())
        await done.wait()
    broken_off = [Observation(row, at, loop.time(), Answer(0)) for row, at in flying.values()]
    return sorted(kept + broken_off, key=lambda o: o.started)


@asynccontextmanager
async def _background() -> AsyncIterator[Callable[[Coroutine[None, None, None]], None]]:
    """Starts tasks and breaks off, at the block's end, those that still run.

    A task that fails (a refused token, say) ends the block with its error.
    """
    running: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as group:

            def start(work: Coroutine[None, None, None]) -> None:
                task = group.create_task(work)
                running.add(task)
                task.add_done_callback(running.discard)

            yield start
            for task in running:
                task.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
