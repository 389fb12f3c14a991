"""Money, bills, batches and callbacks on the console's pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from penstock.batches.members import Entry, write_members
from penstock.batches.record import Batch, Stage
from penstock.bootstrap import build
from penstock.callbacks import changes, owing
from penstock.callbacks.record import State as Delivery
from penstock.messages.addressee import Addressee
from penstock.messages.hold import OPEN, Hold
from penstock.messages.plan import Plan
from penstock.money.limits import MONEY_PATH, Limit
from penstock.paths import account_path, batch_path
from penstock.ports import Create, Merge, Put
from penstock.requests.record import State
from penstock.services import Services
from penstock.settings import read_settings
from tests.unit.bills.bill_stage import CALLS, DAY, book, report, server, unsure
from tests.unit.console.test_site import ended, get, keep
from tests.unit.requests.records import NOW, after, record

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    services = build(read_settings({"PENSTOCK_LOCAL": str(tmp_path)}))
    yield services
    await services.close()


async def test_budgets_of_a_tenant_say_limit_use_and_rest(s: Services) -> None:
    _, without = await get(s, "/money")
    assert "No budget is set that default would be under." in without
    limits = [
        Limit("all", "month", None, 30 * 10**9, "park"),
        Limit("tenant:acme", "month", None, 10**9, "fail"),
    ]
    month = f"{s.clock.now():%Y-%m}"
    spent = Merge(account_path("all", month), {"granted": 29 * 10**9, "returned": 2 * 10**9})
    # One instance has drawn two dollars and was charged half of one.
    its = {"accounts": [account_path("all", month)], "day": f"{s.clock.now():%Y-%m-%d}", "model": "m"}
    drawn = Merge("allotments/a", {**its, "granted": 2 * 10**9, "returned": 0, "due_at": "00:x"})
    charged = Merge("allotments/a/drawn/0", {"nano": 10**9 // 2})
    await s.store.commit(
        [Merge(MONEY_PATH, {"limits": [one.encode() for one in limits]}), spent, drawn, charged], timeout_s=9
    )
    _, text = await get(s, "/money")
    for figure in ("$30.000000", "$25.500000", "$1.500000", "$2.000000", "$3.000000", "90.0 per cent used"):
        assert figure in text
    # Another tenant's budget is not this one's.
    assert "tenant:acme" not in text
    assert "tenant:acme" in (await get(s, "/money?tenant=acme"))[1]


async def test_a_bill_is_on_the_page_and_has_one_of_its_own(s: Services) -> None:
    await book(s, CALLS)
    await unsure(s, 2)
    await report(s, server([*CALLS, CALLS[0]], besides={"<Tax>": "0.002"}))
    _, text = await get(s, "/money")
    assert f'<a href="/bill/{DAY}~openai">{DAY}</a>' in text
    status, own = await get(s, f"/bill/{DAY}~openai")
    assert status == 200
    assert "calls that may have been paid" in own
    assert "2 calls, 1 of them on the bill" in own
    assert "&lt;Tax&gt;" in own
    assert "gpt-5.4-nano, in batches" in own


@pytest.mark.parametrize(
    ("address", "status"), [("/bill/2026-11-21~acme", 404), ("/bill/..", 400), ("/bill/a~b", 400)]
)
async def test_a_bill_that_is_not_there_is_one_sentence(s: Services, address: str, status: int) -> None:
    assert (await get(s, address))[0] == status


async def test_money_is_split_by_target_and_tells_what_lanes_saved(s: Services) -> None:
    await book(s, CALLS, target="to-nano")
    [path] = [one.path for one in await s.store.scan("tenants/acme/usage", after="", limit=1, timeout_s=9)]
    await s.store.commit([Merge(path, {"lane_saved_nano_usd": 7_000_000_000})], timeout_s=9)
    _, text = await get(s, "/money?tenant=acme")
    assert "<td>to-nano</td>" in text
    assert "$7.000000" in text


async def test_a_life_tells_its_lane_its_holds_and_its_callback(s: Services) -> None:
    plan = Plan("batch", ("lazy", "t"), 0.1, 0.2, 0.9, after(0), escalate_at=after(3))
    waits = record(request_id="waits", plan=plan, batch="b-1", holds=(Hold("a", 5_000_000, after(60), OPEN),))
    told = ended("told", plan=plan, callback=Addressee(endpoint="crm"))
    owed = owing.of_request(s, told)
    assert owed is not None
    tried = changes.tried(owed, after(6), "It answered 500.")
    delivered = changes.tried(tried, after(8), "It answered 204.")._replace(
        state=Delivery.DELIVERED, finished_at=after(8)
    )
    await keep(s, waits, told)
    await s.store.commit([Create(delivered.path, delivered.encode())], timeout_s=9)
    _, text = await get(s, "/request/t/waits")
    assert '<a href="/batch/t/b-1">b-1</a>' in text
    assert "$0.005000" in text
    for step in ("planned: lane batch", "leaves its lane"):
        assert step in text
    _, text = await get(s, "/request/t/told")
    for step in (
        "callback to crm: tried",
        "It answered 500.",
        "callback to crm: delivered",
        "delivered, 2 tries",
    ):
        assert step in text
    # In their order on the line of time: the lane is left before the result, the callback follows it.
    assert (
        text.index("leaves its lane") < text.index("result: completed") < text.index("callback to crm: tried")
    )


async def test_a_batch_shows_its_members_and_what_they_cost(s: Services) -> None:
    done = ended("done", tenant="t")
    sent = record(State.LEASED, request_id="still-out")
    await keep(s, done, sent)
    entries = [Entry(name, NOW, 0, 1) for name in ("done", "still-out", "gone")]
    manifest = await write_members(s, "t", "b-1", entries)
    batch = Batch(
        "t", "b-1", "lazy", "p", Stage.OUT, manifest, NOW, NOW + timedelta(hours=2), members=3,
        jobs=("batch_abc",), fates={"answered": 1},
    )  # fmt: skip
    await s.store.commit([Put(batch_path("t", "b-1"), batch.encode())], timeout_s=9)
    _, listed = await get(s, "/batches?tenant=t")
    assert '<a href="/batch/t/b-1">b-1</a>' in listed
    status, text = await get(s, "/batch/t/b-1")
    assert status == 200
    assert "those shown have cost $0.250000" in text
    assert "At its provider: batch_abc." in text
    assert "no longer stored" in text
    assert (await get(s, "/batch/t/none"))[0] == 404
    assert (await get(s, "/batch/t/b-1?from=x"))[0] == 400
    assert "Nobody is in it from 51 on." in (await get(s, "/batch/t/b-1?from=50"))[1]
