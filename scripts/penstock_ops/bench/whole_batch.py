"""One batch of many lines on a folder, a process for each half: who fills the pile, and the batcher.

    python -m penstock_ops.bench.whole_batch fill|work --folder FOLDER --url URL --lines N

Each prints one line of JSON: its seconds, its CPU and the most that it held. The sweeper's wakes are given by
hand, and the clock is put forward by what a pile gathers: nothing but the work is timed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from penstock.adapters.buses.local import LocalBus
from penstock.batches.record import CLOSED
from penstock.batches.rooms import BATCH, PILE
from penstock.batches.story import batch
from penstock.bootstrap import build
from penstock.clock import SystemClock
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.paths import BATCHES, PILES
from penstock.requests.handle import handle
from penstock.services import Services
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local

_TOPIC = "llm-batches"
_DAY_S = 86_400
#: Longer than a pile gathers.
_RIPE = timedelta(seconds=200)
#: Deliveries of requests beside each other; documents of one look.
_WIDTH, _PAGE = 32, 100
_LOOK_S = 0.5


class _Later(SystemClock):
    """The machine's clock once the pile is ripe."""

    def now(self) -> datetime:
        return super().now() + _RIPE


@contextlib.asynccontextmanager
async def _services(folder: Path, url: str, *, later: bool) -> AsyncIterator[Services]:
    usual = {"provider": "openai", "model": "offline", "price": "gpt-5.4-nano", "base_url": url}
    usual |= {"max_output": "200"}
    targets = [
        {
            **usual,
            "max_output": 200,
            "name": "batch",
            "lane": "batch",
            "max_lines": 50_000,
            "max_bytes": 200_000_000,
        },
        {**usual, "max_output": 200, "name": "at-once"},
    ]
    routes = {"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}}
    env = {
        "PENSTOCK_LOCAL": str(folder), "PENSTOCK_ROUTES": json.dumps(routes),
        "PENSTOCK_BATCHES_TOPIC": _TOPIC, "OPENAI_API_KEY": "offline",
    }  # fmt: skip
    s = build(read_settings(env), clock=_Later() if later else SystemClock())
    assert isinstance(s.bus, LocalBus)
    await create_local(Topology(batches_topic=_TOPIC), s.bus, {})
    yield s
    await s.close()


async def fill(folder: Path, url: str, lines: int) -> None:
    """`lines` requests that can wait, each with a question of its own."""
    room = asyncio.Semaphore(_WIDTH)

    async def one(s: Services, number: int) -> None:
        body = {
            "request_id": f"r{number}",
            "prompt": f"Question {number}: " + "river " * 60,
            "max_wait_s": _DAY_S,
        }
        try:
            await handle(s, _envelope(json.dumps(body).encode(), {}))
        finally:
            room.release()

    async with _services(folder, url, later=False) as s, asyncio.TaskGroup() as group:
        for number in range(lines):
            await room.acquire()
            group.create_task(one(s, number))


async def work(folder: Path, url: str, lines: int) -> None:
    """Seal, send, collect and close what waits. Raises SystemExit when that is not one batch of all."""
    async with _services(folder, url, later=True) as s:
        for pile in await _documents(s, PILES):
            await batch(s, _envelope(b"", Wake("default", str(pile["pile"]), 0).encode(PILE)))
        while out := [one for one in await _documents(s, BATCHES) if one["state"] != CLOSED]:
            for one in out:
                await batch(
                    s, _envelope(b"", Wake("default", str(one["name"]), int(str(one["fence"]))).encode(BATCH))
                )
            await asyncio.sleep(_LOOK_S)
        fates = [one["fates"] for one in await _documents(s, BATCHES)]
    if fates != [{"answered": lines, "without a line": 0}]:
        raise SystemExit(f"not one batch of {lines} answers: {fates}")


async def _documents(s: Services, group: str) -> list[dict[str, object]]:
    found = await s.store.scan(f"tenants/default/{group}", after="", limit=_PAGE, timeout_s=30)
    return [dict(one.fields or {}) for one in found]


def _envelope(data: bytes, attributes: dict[str, str]) -> Envelope:
    return Envelope(data, attributes, "m", datetime.now(UTC), "a subscription")


def main() -> None:
    parser = argparse.ArgumentParser(description="One half of a large batch.")
    parser.add_argument("half", choices=("fill", "work"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--lines", type=int, required=True)
    options = parser.parse_args()
    half = fill if options.half == "fill" else work
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):  # a log of so many lines is no figure
        asyncio.run(half(options.folder, options.url, options.lines))
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": time.monotonic() - began, "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
