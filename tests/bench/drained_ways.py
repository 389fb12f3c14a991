"""The ways of the same requests to a real engine: by runner `job`, killed on the way or not, and at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.runners.local_machine import LocalMachine
from penstock.bootstrap import build
from penstock.messages.envelope import Envelope
from penstock.requests.handle import handle
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local
from penstock_ops.tune.trace import TraceRow
from tests.bench.engine_book import Book
from tests.integration.piled import TOPIC, Ahead, Piled

#: What a second of the machine costs, in dollars.
_USD_S = 0.00029
#: Requests at once of an instance of request_handler (terraform/modules/platform).
_WIDTH = 80
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
#: Of question and answer together.
MOST_TOKENS = 16_000


@dataclass(frozen=True, slots=True)
class Came:
    """What became of the requests. `machine_s`: seconds that the engine was at work for them; `starts`: how
    often a machine was started; `again`: lines that were asked more than once, counted each time."""

    how: str
    ends: Counter[tuple[str, str]]
    machine_s: float
    starts: int
    again: int
    tokens: tuple[int, int]

    def usd(self, start_s: float) -> float:
        return (self.machine_s + self.starts * start_s) * _USD_S


@dataclass(slots=True)
class Kill:
    """`sent` to the drainer once `after` more lines are answered."""

    sent: signal.Signals
    after: int


@dataclass
class Machines:
    """The drainers of the folder `root`: their seconds, and who of them is killed."""

    root: Path
    book: Book
    kills: list[Kill]
    worked_s: float = 0.0
    starts: int = 0
    dealt: list[signal.Signals] = field(default_factory=list)

    async def ended(self) -> None:
        """Returns when none is at work any more."""
        began, before = time.monotonic(), self.book.answered.total()
        kill = self.kills.pop(0) if self.kills else None
        while running := await self._running():
            if kill is not None and self.book.answered.total() - before >= kill.after:
                for name in running:
                    os.kill(int((self.root / name).read_text()), kill.sent)
                self.dealt.append(kill.sent)
                kill = None
            await asyncio.sleep(0.05)
        self.worked_s += time.monotonic() - began
        self.starts += 1

    async def _running(self) -> list[str]:
        listed = await LocalMachine(str(self.root), "").since(_LONG_AGO, 10)
        return [one.name for one in listed if not one.ended]


def prompts_of(rows: Sequence[TraceRow], mark: str) -> dict[str, str]:
    """A prompt of each row's length, by a name: the tiny engine makes one token of an ASCII character.

    The names differ from their first letter on, so that the engine has nothing to remember of another.
    """
    prompts = {}
    for number, row in enumerate(rows):
        name = f"{number:04}{mark}"
        length = max(len(name) + 2, min(row.input_tokens, MOST_TOKENS - row.output_tokens))
        prompts[name] = (f"[{name}]" + " a river that comes in bursts," * (length // 30 + 1))[:length]
    return prompts


async def by_job(
    engine: str, rows: Sequence[TraceRow], kills: Sequence[Kill], folder: Path, mark: str = "j"
) -> tuple[Came, list[signal.Signals]]:
    """Through piles and drainers until every request has its result; the signals that were sent."""
    book, prompts = Book(engine), prompts_of(rows, mark)
    async with book.serving() as url:
        machines = Machines(folder / "drains", book, list(kills))
        lazy = {"lane": "batch", "runner": "job", "drain": str(machines.root), "window_s": 3600}
        async with _piled(url, folder, lazy, machines) as piled:
            await _ask_all(piled, rows, prompts)
            for _ in range(len(kills) + 1):
                await piled.work_off()
            done = await piled.requests(list(prompts))
    again = book.asked.total() - len(rows)
    came = Came("job", _ends(done), machines.worked_s, machines.starts, again, _tokens(done))
    return came, machines.dealt


async def at_once(engine: str, rows: Sequence[TraceRow], folder: Path) -> Came:
    """As many at once as an instance takes, each delivery waiting for its answer."""
    book, prompts = Book(engine), prompts_of(rows, "s")
    async with book.serving() as url:
        machines = Machines(folder / "drains", book, [])
        async with _piled(url, folder, {"lane": "sync"}, machines) as piled:
            began = time.monotonic()
            await _ask_all(piled, rows, prompts, width=_WIDTH, wait={})
            seconds = time.monotonic() - began
            done = await piled.requests(list(prompts))
    return Came("at once", _ends(done), seconds, 1, book.asked.total() - len(rows), _tokens(done))


@contextlib.asynccontextmanager
async def _piled(url: str, folder: Path, lazy: dict[str, Any], machines: Machines) -> AsyncIterator[Piled]:
    usual: dict[str, Any] = {"provider": "openai", "model": "tiny", "base_url": url, "timeout_s": 480}
    usual |= {"price": "gpt-5.4-nano", "max_output": 4096}
    prompt, first = usual | {"name": "prompt"}, usual | {"name": "own"} | lazy
    targets = [first, prompt] if lazy["lane"] == "batch" else [prompt]
    route = {"choose": "cheapest" if lazy["lane"] == "batch" else "order", "targets": targets}
    env = {
        "PENSTOCK_LOCAL": str(folder / "penstock"), "PENSTOCK_BATCHES_TOPIC": TOPIC,
        "PENSTOCK_ROUTES": json.dumps({"default": "a", "routes": {"a": route}}),
        "OPENAI_API_KEY": "none",
    }  # fmt: skip
    clock = Ahead()
    s = build(read_settings(env), clock=clock)
    assert isinstance(s.bus, LocalBus)
    await create_local(Topology(batches_topic=TOPIC), s.bus, {})
    made = Piled([s], clock, machines.ended)
    try:
        yield made
    finally:
        await made.close()


async def _ask_all(
    piled: Piled, rows: Sequence[TraceRow], prompts: dict[str, str], *, width: int = 8,
    wait: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Every request to request_handler, `width` deliveries at once."""
    room = asyncio.Semaphore(width)
    wait = {"max_wait_s": 86_400} if wait is None else wait

    async def one(name: str, prompt: str, row: TraceRow) -> None:
        params = {"max_tokens": row.output_tokens, "temperature": 0}
        body = {"request_id": name, "prompt": prompt, "params": params, **wait}
        async with room:
            envelope = Envelope(json.dumps(body).encode(), {}, f"m-{name}", datetime.now(UTC), "requests")
            await handle(piled.batchers[0], envelope)

    asked = zip(prompts.items(), rows, strict=True)
    await asyncio.gather(*(one(name, prompt, row) for (name, prompt), row in asked))


def _ends(done: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How they ended, and by which lane."""
    results = [one.get("result") or {} for one in done]
    return Counter((str(one.get("status")), str(one.get("lane", "sync"))) for one in results)


def _tokens(done: list[dict[str, Any]]) -> tuple[int, int]:
    """Of questions and of answers."""
    used = [one["result"]["usage"] for one in done if (one.get("result") or {}).get("usage")]
    return sum(one["prompt_tokens"] for one in used), sum(one["completion_tokens"] for one in used)


def kills_of(count: int) -> list[Kill]:
    """In the middle of the first file, and of the second once its first part is written (200 lines)."""
    return [Kill(signal.SIGTERM, count * 3 // 10), Kill(signal.SIGKILL, 200 + count // 10)]
