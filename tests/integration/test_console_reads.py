"""Documents that the console's pages read on Firestore: counted at the wire, before the emulator.

They are what a page costs there, beside one for a query that finds nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from penstock.bootstrap import build
from penstock.console.asked import Call as Browser
from penstock.console.desk import Desk
from penstock.console.site import page
from penstock.operating import desk_of
from penstock.paths import sharded
from penstock.ports import Create
from penstock.settings import read_settings
from penstock_ops.bench.wire import Call, WireProxy
from penstock_ops.emulation.emulators import Emulators
from tests.unit.requests.records import after, record

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(120)]


class Counted:
    """A console on the emulators, and what it asked."""

    def __init__(self, desk: Desk, calls: list[Call]) -> None:
        self.desk, self.calls = desk, calls

    async def documents(self, address: str) -> tuple[int, int]:
        """Documents read and counts asked for by one page."""
        self.calls.clear()
        path, _, query = address.partition("?")
        shown = await page(self.desk, Browser("GET", path.encode(), query.encode(), {"host": "127.0.0.1"}))
        assert shown.status == 200, shown.body
        read = sum(len(call.asked) + call.found for call in self.calls)
        return read, sum(call.method == "RunAggregationQuery" for call in self.calls)


@pytest.fixture
async def counted(emulators: Emulators) -> AsyncIterator[Counted]:
    calls: list[Call] = []
    hosts = emulators.environment
    async with WireProxy(hosts["FIRESTORE_EMULATOR_HOST"], calls.append) as proxy:
        project = f"reads-{secrets.token_hex(4)}"
        env = {**hosts, "FIRESTORE_EMULATOR_HOST": proxy.host, "GOOGLE_CLOUD_PROJECT": project}
        settings = read_settings({**env, "PENSTOCK_CONSOLE": "local", "PENSTOCK_RUNS_TOPIC": "llm-runs"})
        s = build(settings)
        opened = [
            record(request_id=f"r-{n}", open_since=sharded("t", f"r-{n}", after(n))) for n in range(200)
        ]
        await s.store.commit([Create(one.path, one.encode()) for one in opened], timeout_s=20)
        yield Counted(desk_of(settings, s), calls)
        await s.close()


async def test_a_poll_reads_ten_documents_however_many_are_open(counted: Counted) -> None:
    for look in ("/", "/open", "/open"):
        read, counts = await counted.documents(look)
        # the last hour lies in one document in its last minute, else in two
        assert read in (9, 10)
        assert counts == 1


async def test_the_other_pages_read_what_docs_say(counted: Counted) -> None:
    assert await counted.documents("/find?tenant=t") == (100, 0)
    assert await counted.documents("/request/t/r-7") == (1, 0)
    assert await counted.documents("/runs?tenant=t") == (0, 0)
    assert await counted.documents("/batches?tenant=t") == (0, 0)
    # The budgets' one document; usage, bills and accounts as many as there are.
    assert await counted.documents("/money?tenant=t") == (1, 0)
