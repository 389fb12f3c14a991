"""The largest batch that a provider takes, worked off on a folder: minutes and memory of its batcher.

Deliveries and wakes are posted by hand: nothing but the work of the two functions is timed.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.batches.record import CLOSED
from penstock.batches.rooms import BATCH, PILE
from penstock.clock import SystemClock
from penstock.messages.envelope import Envelope, encode_push
from penstock.messages.wake import Wake
from penstock.paths import BATCHES, PILES
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.report import Figure, Section
from penstock_ops.bench.rig import question
from penstock_ops.emulation.offline_lanes import MODEL, offline_lanes
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.topology import Topology, create_local

#: What the batcher has (terraform/modules/platform), in MiB.
MEMORY_MIB: Final = 512
_TOPIC = "llm-batches"
_DAY_S = 86_400
#: Deliveries of requests beside each other; documents of one look; seconds between two looks.
_WIDTH, _PAGE, _LOOK_S = 32, 100, 1.0
#: A pile's waits are so much shorter. A write's limit is too: on a folder none comes near it.
_SCALE = 6
_CORES = frozenset(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Half:
    """One function: seconds on the clock and of CPU, and the most that it held, in MiB."""

    seconds: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Whole:
    """`filled`: request_handler's work; `worked`: the batcher's."""

    lines: int
    filled: Half
    worked: Half


async def whole_batch(folder: Path, lines: int) -> Whole:
    """One batch of `lines` on a folder of its own. Raises OperatorFault."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with offline_lanes() as url, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout()) as http:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PENSTOCK_LOCAL": str(folder),
            "PENSTOCK_ROUTES": _routes(url), "PENSTOCK_BATCHES_TOPIC": _TOPIC, "OPENAI_API_KEY": "offline",
            "PENSTOCK_TIME_SCALE": str(_SCALE),
        }  # fmt: skip
        bus = LocalBus(folder, SystemClock())
        await create_local(Topology(batches_topic=_TOPIC), bus, {})
        await bus.close()
        place = _Place(http, SqliteStore(folder, SystemClock()))
        try:
            filled = await place.used(Instance("request_handler", env, folder, on=_CORES), _fill, lines)
            worked = await place.used(Instance("batcher", env, folder, on=_CORES), _work, lines)
        finally:
            await place.store.close()
    return Whole(lines, filled, worked)


def _routes(url: str) -> str:
    usual = {
        "provider": "openai",
        "model": MODEL,
        "price": "gpt-5.4-nano",
        "base_url": url,
        "max_output": 200,
    }
    batch = usual | {"name": "batch", "lane": "batch", "max_lines": 50_000, "max_bytes": 200_000_000}
    targets = [batch, usual | {"name": "at-once"}]
    return json.dumps({"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}})


@dataclass
class _Place:
    """The folder's documents, and the way to its functions; `began`: when the work of one did."""

    http: aiohttp.ClientSession
    store: SqliteStore
    began: float = field(default=0.0)

    async def used(self, function: Instance, work: Any, lines: int) -> Half:
        """What `function` takes for `work`, whose time it notes in `began`."""
        try:
            await function.start()
            self.began, cpu_s = time.monotonic(), function.cpu_s()
            await work(self, function, lines)
            seconds = time.monotonic() - self.began
            return Half(seconds, function.cpu_s() - cpu_s, function.peak_mib())
        finally:
            function.stop()

    async def post(self, function: Instance, data: bytes, attributes: Mapping[str, str]) -> None:
        now, name = datetime.now(UTC), uuid.uuid4().hex
        body = encode_push(Envelope(data, dict(attributes), name, now, "projects/p/subscriptions/s"))
        headers = {"Content-Type": "application/json"}
        async with self.http.post(function.url, data=body, headers=headers) as answer:
            if answer.status != 204:
                told = function.log.read_text()[-600:]
                raise OperatorFault(f"a delivery was refused ({answer.status}): {told}")

    async def documents(self, group: str) -> list[Mapping[str, Any]]:
        found = await self.store.scan(f"tenants/default/{group}", after="", limit=_PAGE, timeout_s=30)
        return [one.fields or {} for one in found]


async def _fill(place: _Place, handler: Instance, lines: int) -> None:
    """`lines` requests that can wait, each with a question of its own."""
    room = asyncio.Semaphore(_WIDTH)

    async def one(number: int) -> None:
        try:
            await place.post(handler, json.dumps(question(number) | {"max_wait_s": _DAY_S}).encode(), {})
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        for number in range(lines):
            await room.acquire()
            group.create_task(one(number))


async def _work(place: _Place, batcher: Instance, lines: int) -> None:
    """Seal, send, collect and close what waits. Raises OperatorFault where that is not one batch of all."""
    while not await place.documents(BATCHES):
        place.began = time.monotonic()
        for pile in await place.documents(PILES):
            await place.post(batcher, b"", Wake("default", str(pile["pile"]), 0).encode(PILE))
        await asyncio.sleep(_LOOK_S)
    while out := [one for one in await place.documents(BATCHES) if one["state"] != CLOSED]:
        for one in out:
            await place.post(batcher, b"", Wake("default", str(one["name"]), int(one["fence"])).encode(BATCH))
        await asyncio.sleep(_LOOK_S)
    fates = [one["fates"] for one in await place.documents(BATCHES)]
    # What was taken when its batcher could not note it in time is taken again, and known already.
    if len(fates) != 1 or fates[0]["without a line"] or _taken(fates[0]) != lines:
        raise OperatorFault(f"not one batch of {lines:,} answers: {fates}")


def _taken(fates: Mapping[str, int]) -> int:
    return fates.get("answered", 0) + fates.get("nothing", 0)


def section_of(whole: Whole) -> Section:
    halves = {
        "request_handler, until all wait": whole.filled,
        "batcher, until all are answered": whole.worked,
    }
    peak = whole.worked.peak_mib
    return Section(
        name="lanes, one batch",
        title=f"one batch of {whole.lines:,} lines, on a folder of this machine",
        columns=("who", "minutes", "CPU, s", "CPU of a line, ms", "most held, MiB"),
        rows=[_row(who, half, whole.lines) for who, half in halves.items()],
        figures=[
            Figure("minutes of the batcher", whole.worked.seconds / 60),
            Figure("MiB of the batcher", peak, f"< {MEMORY_MIB}", peak < MEMORY_MIB),
        ],
        notes=("SQLite is the store: what Firestore's round trips add is not in the minutes.",),
        data={name: _told(half) for name, half in (("filled", whole.filled), ("worked", whole.worked))},
    )


def _row(who: str, half: Half, lines: int) -> tuple[str, ...]:
    each_ms = 1000 * half.cpu_s / lines
    return (who, f"{half.seconds / 60:.1f}", f"{half.cpu_s:,.0f}", f"{each_ms:.2f}", f"{half.peak_mib:,.0f}")


def _told(half: Half) -> dict[str, float]:
    return {"seconds": half.seconds, "cpu_s": half.cpu_s, "peak_mib": half.peak_mib}
