"""Real processes under one shared limit: what the provider itself counts in a minute.

Each instance is a process that takes deliveries from the same embedded folder, asks the same local server
over a socket, and knows of the others only by the limit's document: in that folder too, or in Google's
Firestore emulator. `scripts/chaos limits` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Delivery, Subscription
from penstock.bootstrap import build
from penstock.clock import SystemClock
from penstock.ports import Store
from penstock.requests.handle import handle
from penstock.services import Services
from penstock.settings import read_settings
from penstock.sweep import sweep
from penstock.timing import Timing
from penstock.verdict import Verdict
from tests.servers.openai_server import OpenAIServer

_REQUESTS = "requests"
#: How many deliveries one instance works on at once, and how soon it looks for more.
_WIDTH, _LOOK_S = 8, 0.05


@dataclass(frozen=True, slots=True)
class Counted:
    """What the provider counted. `by_minute`: calls in each whole minute since the first."""

    rpm: int
    most: int
    by_minute: tuple[int, ...]

    def __str__(self) -> str:
        each = ", ".join(map(str, self.by_minute))
        return f"{self.rpm} calls a minute allowed; {self.most} in the fullest one; minute by minute: {each}"


async def count(rpm: int, instances: int, minutes: int, scale: float, firestore: str = "") -> Counted:
    """Have `instances` processes ask more than `rpm` allows, for so many minutes, each 60 s by `scale`.

    `firestore`: the emulator's host and port, where that is to be their store.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-limits-") as folder:
        async with OpenAIServer(latency_s=0.05) as server:
            environment = _environment(folder, server.base_url, rpm, scale)
            await _publish(Path(folder), round(rpm * (minutes + 2) * 1.1))
            processes = [_process(environment, "work", firestore) for _ in range(instances)]
            processes.append(_process(environment, "sweep", firestore))
            try:
                await asyncio.sleep((minutes + 1) * 60 / scale)
            finally:
                for process in processes:
                    process.kill()
                    process.wait()
            return _counted(rpm, [call.taken_at for call in server.ledger.calls], 60 / scale, minutes)


def _environment(folder: str, url: str, rpm: int, scale: float) -> dict[str, str]:
    target = {"name": "a", "provider": "openai", "model": "echo-1", "base_url": url}
    routes = {"default": "one", "routes": {"one": {"targets": [target]}}}
    return os.environ | {
        "PENSTOCK_LOCAL": folder,
        "PENSTOCK_ROUTES": json.dumps(routes),
        "PENSTOCK_LIMITS": json.dumps([{"scope": "target:a", "rpm": rpm}]),
        "PENSTOCK_TIME_SCALE": f"{scale:g}",
    }


def _process(environment: dict[str, str], what: str, firestore: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.chaos.pace_processes", what, firestore]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


async def _publish(folder: Path, many: int) -> None:
    bus = LocalBus(folder, SystemClock())
    for topic in ("llm-requests", "llm-responses", "llm-dead-letters"):
        await bus.create_topic(topic)
    await bus.create_subscription(
        Subscription(name=_REQUESTS, topic="llm-requests", ack_deadline_s=Timing().ack_deadline_s)
    )
    for number in range(many):
        body = {"prompt": f"question {number}", "request_id": f"r{number}", "cache": "off"}
        await bus.publish("llm-requests", json.dumps(body).encode(), {}, timeout_s=15)
    await bus.close()


def _counted(rpm: int, times: list[float], minute_s: float, minutes: int) -> Counted:
    times.sort()
    most, first = 0, 0
    for number, at in enumerate(times):
        while times[first] <= at - minute_s:
            first += 1
        most = max(most, number - first + 1)
    each = Counter(int((at - times[0]) // minute_s) for at in times)
    return Counted(rpm, most, tuple(each[minute] for minute in range(minutes)))


async def _work(s: Services) -> None:
    width = asyncio.Semaphore(_WIDTH)
    bus: LocalBus = s.bus  # type: ignore[assignment]  # of an embedded folder

    async def one(delivery: Delivery) -> None:
        verdict = await handle(s, delivery.envelope)
        await (bus.ack if verdict is Verdict.ACK else bus.nack)([delivery])
        width.release()

    tasks: set[asyncio.Task[None]] = set()
    while True:
        await width.acquire()
        found = await bus.pull(_REQUESTS, 1)
        if not found:
            width.release()
            await asyncio.sleep(_LOOK_S)
        for delivery in found:
            task = asyncio.create_task(one(delivery))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def _sweep(s: Services) -> None:
    tasks = set()
    while True:
        began = time.monotonic()
        tasks.add(asyncio.create_task(sweep(s)))
        await asyncio.sleep(max(0.0, s.timing.minute_s - (time.monotonic() - began)))


def _firestore(host: str) -> Store:
    from penstock.adapters.stores.firestore import FirestoreStore  # loaded where it is asked for

    return FirestoreStore("pen-limits", emulator_host=host)


def main() -> None:
    services = build(read_settings(os.environ))
    if sys.argv[2]:
        services = replace(services, store=_firestore(sys.argv[2]))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_work(services) if sys.argv[1] == "work" else _sweep(services))


if __name__ == "__main__":
    main()
