"""How long the console's pages take beside many stored requests.

`python -m tests.acceptance.console_size 100000` prints it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time

from penstock.bootstrap import build
from penstock.console.asked import Call
from penstock.console.site import page
from penstock.operating import desk_of
from penstock.paths import sharded
from penstock.ports import Create
from penstock.requests.record import Attempt, Record, State
from penstock.settings import read_settings
from tests.unit.requests.records import after, record

_BATCH = 500
_PAGES = {
    "Now": "/", "Now, looked at again": "/open", "Find, a page": "/find?tenant=t&state=failed",
    "Find, by id": "/find?tenant=t&id=r-5", "a life": "/request/t/r-5", "Money": "/money?tenant=t",
}  # fmt: skip

_HERE = {"host": "127.0.0.1"}
_RESULT = {
    "status": "completed", "error": None, "cache": "miss", "model": "m", "target": "large",
    "completion": None, "cost": {"usd": 0.25, "saved_usd": 0.0}, "completed_at": after(4).isoformat(),
}  # fmt: skip


def _stored(number: int) -> Record:
    """Every hundredth is open."""
    name, lines = f"r-{number}", (Attempt(3, "large", after(1), "ok"),)
    if number % 100 == 0:
        since = sharded("t", name, after(number))
        return record(State.PARKED, request_id=name, open_since=since, attempts=lines)
    fields = {"attempts": lines, "confirmed_at": after(5), "payload": b"x" * 500}
    return record(State.TERMINAL, request_id=name, result=_RESULT, **fields)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings({"PENSTOCK_LOCAL": folder})
        s = build(settings)
        desk = desk_of(settings, s)
        for start in range(0, count, _BATCH):
            many = [_stored(number) for number in range(start, min(count, start + _BATCH))]
            await s.store.commit([Create(one.path, one.encode()) for one in many], timeout_s=60)
        for name, address in _PAGES.items():
            path, _, query = address.partition("?")
            took = []
            for _ in range(20):
                began = time.perf_counter()
                shown = await page(desk, Call("GET", path.encode(), query.encode(), _HERE))
                took.append((time.perf_counter() - began) * 1000)
                assert shown.status == 200, shown.body
            median, first, size = statistics.median(took), took[0], len(shown.body)
            print(f"{name:<22} {median:6.1f} ms (the first {first:.1f}), {size:,} bytes")
        await s.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
