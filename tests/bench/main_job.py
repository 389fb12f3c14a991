"""The main job on real input: a stretch of real traffic through the whole system, answered by a real engine.

    python -m tests.bench.main_job --trace TRACE.csv --engine http://127.0.0.1:8100 --requests 500

Emulators, bridge and functions are the real ones; each request has the size and the arrival time of a row of
the trace (Azure LLM inference trace, CC-BY 4.0: TIMESTAMP, ContextTokens, GeneratedTokens). A counting proxy
before the engine is the ledger. Nothing here is asserted by a clock: the figures are printed, and the exit
code is 1 when a request was lost or paid twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.system import System

_ID = re.compile(r"\[(r\d+)\]")
_RUNNING = re.compile(r"^vllm:num_requests_running\{[^}]*\} ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One request of the trace: seconds after the first one, and its sizes in tokens."""

    after_s: float
    context_tokens: int
    generated_tokens: int


@dataclass
class Ledger:
    """The proxy before the engine: every call by the id in its prompt, and how it ended."""

    engine: str
    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    #: Requests that the engine worked on together, sampled twice a second.
    batches: list[float] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The proxy's base URL while the body runs."""
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes([web.post("/v1/chat/completions", self._forward)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            sampling = asyncio.create_task(self._sample())
            yield f"http://127.0.0.1:{port}/v1"
            sampling.cancel()
        await runner.cleanup()

    async def _forward(self, http: web.Request) -> web.Response:
        body = await http.read()
        found = _ID.search(json.loads(body)["messages"][-1]["content"])
        self.calls[found[1] if found else "?"] += 1
        headers = {"Content-Type": "application/json"}
        async with self._session.post(
            f"{self.engine}/v1/chat/completions", data=body, headers=headers
        ) as answer:
            self.statuses[answer.status] += 1
            return web.Response(
                body=await answer.read(), status=answer.status, content_type="application/json"
            )

    async def _sample(self) -> None:
        while True:
            async with self._session.get(f"{self.engine}/metrics") as answer:
                running = _RUNNING.search(await answer.text())
            if running and float(running[1]):
                self.batches.append(float(running[1]))
            await asyncio.sleep(0.5)


def read_trace(path: Path, start: int, count: int) -> list[Row]:
    """`count` rows from row `start` on."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))[start : start + count]
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    return [
        Row((when - times[0]).total_seconds(), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
        for when, row in zip(times, rows, strict=True)
    ]


def body_of(number: int, row: Row, max_context: int) -> dict[str, Any]:
    """A prompt of the row's length: the tiny engine's tokenizer makes one token of an ASCII character."""
    marker = f"[r{number}] "
    length = max(len(marker), min(row.context_tokens, max_context))
    return {
        "request_id": f"r{number}",
        "prompt": (marker + "a river that comes in bursts, " * (length // 30 + 1))[:length],
        "params": {"max_tokens": row.generated_tokens},
    }


async def run(options: argparse.Namespace) -> int:
    """Publish the stretch, wait for every result, print what happened."""
    rows = read_trace(options.trace, options.start, options.requests)
    ledger = Ledger(options.engine)
    with tempfile.TemporaryDirectory() as folder:
        emulators = Emulators.start(Path(folder))
        async with ledger.serving() as url:
            routes = _routes(url, options.concurrency)
            system = System(emulators, "main-job", Path(folder), {"PENSTOCK_ROUTES": routes}, time_scale=1.0)
            async with system:
                await _publish(system, rows, options)
                results = [message.json for message in system.results.messages]
                dead = len(system.dead_letters.messages)
        emulators.stop()
    return _report(rows, ledger, results, dead)


def _routes(url: str, concurrency: int) -> str:
    target: dict[str, Any] = {"name": "engine", "provider": "openai", "model": "tiny", "base_url": url}
    target |= {"timeout_s": 400, "max_concurrency": concurrency}
    return json.dumps({"default": "tiny", "routes": {"tiny": {"targets": [target]}}})


async def _publish(system: System, rows: list[Row], options: argparse.Namespace) -> None:
    """At the trace's own pace; returns when every result has come."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    with Progress(console=Console(stderr=True)) as progress:
        published = progress.add_task("published", total=len(rows))
        answered = progress.add_task("answered", total=len(rows))
        for number, row in enumerate(rows):
            await asyncio.sleep(max(0.0, start + row.after_s / options.speed - loop.time()))
            await system.publish(body_of(number, row, options.max_context))
            progress.update(published, advance=1)
            progress.update(answered, completed=len(system.results.messages))
        while len({m.attributes["request_id"] for m in system.results.messages}) < len(rows):
            await asyncio.sleep(0.2)
            progress.update(answered, completed=len(system.results.messages))


def _report(rows: list[Row], ledger: Ledger, results: list[dict[str, Any]], dead: int) -> int:
    by_id = {result["request_id"]: result for result in results}
    lost = len(rows) - len(by_id)
    twice = sum(count > 1 for count in ledger.calls.values())
    used = [result["usage"] for result in by_id.values() if result["usage"]]
    totals = sorted(result["timings"]["total_ms"] / 1000 for result in by_id.values())
    added = sorted(
        (result["timings"]["total_ms"] - result["timings"]["provider_ms"]) / 1000 for result in by_id.values()
    )
    table = Table(title=f"{len(rows)} requests of the trace over {rows[-1].after_s:.0f} s")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in (
        ("results", f"{len(by_id)}"),
        ("completed", f"{sum(r['status'] == 'completed' for r in by_id.values())}"),
        ("lost", f"{lost}"),
        ("paid twice", f"{twice}"),
        ("calls that reached the engine", f"{ledger.calls.total()} {dict(ledger.statuses)}"),
        ("dead letters", f"{dead}"),
        ("results carried more than once", f"{len(results) - len(by_id)}"),
        ("publish → result, p50 / p95 / max (s)", _spread(totals)),
        ("of which not the provider, p50 / p95 / max (s)", _spread(added)),
        ("engine's batch, mean / max", f"{statistics.mean(ledger.batches):.1f} / {max(ledger.batches):.0f}"),
        ("prompt tokens", f"{sum(usage['prompt_tokens'] for usage in used):,}"),
        (
            "completion tokens",
            f"{sum(r['usage']['completion_tokens'] for r in by_id.values() if r['usage']):,}",
        ),
    ):
        table.add_row(name, value)
    Console().print(table)
    return 1 if lost or twice else 0


def _spread(values: list[float]) -> str:
    return f"{values[len(values) // 2]:.2f} / {values[int(len(values) * 0.95)]:.2f} / {values[-1]:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trace", type=Path, required=True)
    parser.add_argument("--engine", required=True, help="the engine's URL, without /v1")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--start", type=int, default=0, help="first row of the stretch")
    parser.add_argument("--speed", type=float, default=1.0, help="arrivals this many times faster")
    parser.add_argument("--max-context", type=int, default=14_000, help="prompt tokens at most")
    parser.add_argument("--concurrency", type=int, default=64, help="calls to the engine at once")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
