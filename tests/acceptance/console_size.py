"""What the console's pages read, and how long they take, beside many stored requests.

`python -m tests.acceptance.console_size 100000` prints documents read and milliseconds of each page as it is
made; then, where there is a browser, how long until it has painted something (first contentful paint,
https://www.w3.org/TR/paint-timing/).
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from penstock.bootstrap import build
from penstock.console.asgi import app
from penstock.console.asked import Call
from penstock.console.desk import Desk
from penstock.console.site import page
from penstock.operating import desk_of
from penstock.paths import sharded
from penstock.ports import Create, Store
from penstock.pulse.counts import field_of, last_hour, path_of
from penstock.requests.record import Attempt, Record, State
from penstock.settings import read_settings
from tests.acceptance.browser import browser
from tests.unit.requests.records import after, record

_BATCH = 500
_LOOKS = 20
_PAGES = {
    "Now": "/", "Now, a poll": "/open", "Find, a page": "/find?tenant=t&state=failed",
    "Find, by id": "/find?tenant=t&id=r-5", "a life": "/request/t/r-5", "Runs": "/runs?tenant=t",
    "Money": "/money?tenant=t", "Actions": "/audit",
}  # fmt: skip


_HERE = {"host": "127.0.0.1"}
_RESULT = {
    "status": "completed", "error": None, "cache": "miss", "model": "m", "target": "large",
    "completion": None, "cost": {"usd": 0.25, "saved_usd": 0.0}, "completed_at": after(4).isoformat(),
}  # fmt: skip


#: In the browser: when it painted first, in milliseconds.
_PAINTED = """() => new Promise(done => new PerformanceObserver(list =>
    list.getEntriesByName("first-contentful-paint").forEach(entry => done(entry.startTime))
).observe({type: "paint", buffered: true}))"""


class Counting:
    """The Store port; `documents` were handed out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.documents = 0

    async def read(self, *words: Any, **named: Any) -> Any:
        return self._counted(await self._store.read(*words, **named))

    async def find(self, *words: Any, **named: Any) -> Any:
        return self._counted(await self._store.find(*words, **named))

    async def scan(self, *words: Any, **named: Any) -> Any:
        return self._counted(await self._store.scan(*words, **named))

    def _counted(self, found: Any) -> Any:
        self.documents += len(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _stored(number: int) -> Record:
    """Every hundredth is open."""
    name, lines = f"r-{number}", (Attempt(3, "large", after(1), "ok"),)
    if number % 100 == 0:
        since = sharded("t", name, after(number))
        return record(State.PARKED, request_id=name, open_since=since, attempts=lines)
    fields = {"attempts": lines, "confirmed_at": after(5), "payload": b"x" * 500}
    return record(State.TERMINAL, request_id=name, result=_RESULT, **fields)


async def _fill(store: Store, count: int) -> None:
    for start in range(0, count, _BATCH):
        many = [_stored(number) for number in range(start, min(count, start + _BATCH))]
        await store.commit([Create(one.path, one.encode()) for one in many], timeout_s=60)


async def _fill_hours(desk: Desk) -> None:
    """An hour in which each minute has something to show."""
    hours: dict[str, dict[str, Any]] = {}
    for number, minute in enumerate(last_hour(desk.s.clock.now())):
        counts = {
            "done": 100 + number,
            "failed": number % 7,
            "nano_usd": 10**8,
            "calls large": 120,
            "ms large": 10**5,
        }
        fields = {field_of(minute, name): value for name, value in counts.items()}
        hours.setdefault(path_of(minute), {}).update(fields)
    await desk.s.store.commit([Create(path, fields) for path, fields in hours.items()], timeout_s=60)


async def _measure(desk: Desk) -> None:
    for name, address in _PAGES.items():
        path, _, query = address.partition("?")
        store, took = Counting(desk.s.store), []
        counted = replace(desk, s=replace(desk.s, store=store))
        for _ in range(_LOOKS):
            began = time.perf_counter()
            shown = await page(counted, Call("GET", path.encode(), query.encode(), _HERE))
            took.append((time.perf_counter() - began) * 1000)
            assert shown.status == 200, shown.body
        documents, median = store.documents / _LOOKS, statistics.median(took)
        print(f"{name:<14} {documents:5.0f} documents {median:7.1f} ms {len(shown.body):8,} bytes")


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The console on `folder`, by a server in a thread of its own."""
    settings = read_settings({"PENSTOCK_LOCAL": str(folder)})
    listening = socket.create_server(("127.0.0.1", 0))
    made: list[Desk] = []

    async def desk() -> Desk:
        if not made:
            made.append(desk_of(settings, build(settings)))
        return made[0]

    config = uvicorn.Config(app(desk), lifespan="off", access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _paint(folder: Path) -> None:
    with _served(folder) as address, browser() as chromium:
        chromium.new_page().goto(address)  # the server's own first page
        for name, path in _PAGES.items():
            times = []
            for _ in range(5):
                shown = chromium.new_page()
                shown.goto(address + path)
                times.append(shown.evaluate(_PAINTED))
                shown.close()
            print(f"{name:<14} painted after {statistics.median(times):5.0f} ms")


async def main(count: int, folder: Path) -> None:
    settings = read_settings({"PENSTOCK_LOCAL": str(folder)})
    s = build(settings)
    await _fill(s.store, count)
    desk = desk_of(settings, s)
    await _fill_hours(desk)
    await _measure(desk)
    await s.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(int(sys.argv[1]), Path(scratch)))
        _paint(Path(scratch))
