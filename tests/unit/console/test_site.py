"""The console's pages on the embedded store: what they show, what they read, and what they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.bootstrap import build
from penstock.console import now
from penstock.console.asked import Call
from penstock.console.page import Page
from penstock.console.site import page
from penstock.messages.plan import Plan
from penstock.operating import desk_of
from penstock.paths import sharded, usage_path
from penstock.ports import Create, Merge
from penstock.requests.record import Attempt, Record, State
from penstock.services import Services
from penstock.settings import read_settings
from tests.unit.requests.records import after, record

LOCALLY = read_settings({"PENSTOCK_LOCAL": "."})


@pytest_asyncio.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    services = build(read_settings({"PENSTOCK_LOCAL": str(tmp_path)}))
    yield services
    await services.close()


async def keep(s: Services, *records: Record) -> None:
    await s.store.commit([Create(one.path, one.encode()) for one in records], timeout_s=10)


async def get(s: Services, address: str, method: str = "GET") -> tuple[int, str]:
    path, _, query = address.partition("?")
    call = Call(method, path.encode(), query.encode(), {"host": "127.0.0.1"})
    shown: Page = await page(desk_of(LOCALLY, s), call)
    return shown.status, shown.body.decode()


def ended(request_id: str, reason: str | None = None, **fields: Any) -> Record:
    error = {"reason": reason, "message": "It was <refused>."} if reason else None
    result = {
        "status": "failed" if error else "completed", "error": error, "cache": "miss", "model": "m",
        "target": "large", "cost": {"usd": 0.25, "saved_usd": 0.0}, "completed_at": after(4).isoformat(),
        "completion": {"text": "An <answer>."},
    }  # fmt: skip
    plain = {
        "confirmed_at": after(5),
        "took": {"20260101T120001000000": 2500},
        "attempts": (Attempt(3, "large", after(1), "ok"),),
    }
    return record(State.TERMINAL, request_id=request_id, result=result, **plain | fields)


def parked(number: int) -> Record:
    name = f"p-{number}"
    since = sharded("t", name, after(number))
    lines = (Attempt(3, "small", after(1), "unpaid", "The provider is busy."),)
    return record(State.PARKED, request_id=name, open_since=since, not_before=after(60), attempts=lines)


class Counting:
    """The Store port; `read` is how many documents were handed out."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.documents = 0

    async def read(self, *words: Any, **named: Any) -> Any:
        return self._counted(await self._store.read(*words, **named))

    async def find(self, *words: Any, **named: Any) -> Any:
        return self._counted(await self._store.find(*words, **named))

    def _counted(self, found: Any) -> Any:
        self.documents += len(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_now_says_what_is_open_and_reads_ten_documents_at_most(s: Services) -> None:
    await keep(s, *(parked(number) for number in range(40)))
    store = Counting(s.store)
    object.__setattr__(s, "store", store)
    status, text = await get(s, "/open")
    assert status == 200
    assert "<dd>40</dd>" in text
    assert f"in a sample of {now.SAMPLE}" in text
    assert "The provider is busy." in text
    assert 0 < store.documents <= 10


async def test_now_with_nothing_open(s: Services) -> None:
    status, text = await get(s, "/")
    assert (status, "Nothing is open" in text) == (200, True)


async def test_a_life_shows_its_steps_and_its_content_only_when_asked(s: Services) -> None:
    await keep(s, ended("one", payload=b'{"prompt": "<script>secret</script>"}'))
    _, text = await get(s, "/request/t/one")
    assert text.index("published") < text.index("large: ok") < text.index("result: completed")
    assert "$0.250000" in text
    assert "<td>2500</td>" in text
    assert "secret" not in text
    assert "An " not in text
    _, payload = await get(s, "/request/t/one?show=payload")
    assert "&lt;script&gt;secret" in payload
    _, answer = await get(s, "/request/t/one?show=answer")
    assert "An &lt;answer&gt;." in answer


async def test_a_life_of_a_failure_and_of_a_follower(s: Services) -> None:
    leader = "tenants/t/requests/leader"
    await keep(s, ended("bad", "content_refused"), ended("follower", leader=leader))
    assert "It was &lt;refused&gt;." in (await get(s, "/request/t/bad"))[1]
    assert 'href="/request/t/leader"' in (await get(s, "/request/t/follower"))[1]


async def test_find_by_what_it_is_a_page_at_a_time(s: Services) -> None:
    await keep(s, *(ended(f"r-{n:04}", "internal" if n % 2 else None) for n in range(150)))
    _, first = await get(s, "/find?tenant=t&state=failed&reason=internal")
    assert "50 of the 100 looked at" in first
    assert "/find?tenant=t&amp;state=failed&amp;reason=internal&amp;after=r-0099" in first
    _, second = await get(s, "/find?tenant=t&state=failed&reason=internal&after=r-0099")
    assert "25 of the 50 looked at" in second
    _, one = await get(s, "/find?tenant=t&id=r-0007")
    assert 'href="/request/t/r-0007"' in one


async def test_another_tenants_requests_are_not_among_them(s: Services) -> None:
    await keep(s, ended("ours"), ended("theirs", tenant="other"))
    _, text = await get(s, "/find?tenant=t")
    assert "ours" in text
    assert "theirs" not in text
    assert (await get(s, "/request/t/theirs"))[0] == 404


async def test_money_adds_a_day_up(s: Services) -> None:
    today = s.clock.now()
    counts = {"requests": 2, "status_completed": 2, "cache_hit": 1, "cost_nano_usd": 1_500_000_000}
    paths = {
        usage_path("t", f"r-{n}", f"{today:%Y-%m-%d}", f"model-{m}") for n in range(50) for m in range(100)
    }
    await s.store.commit([Merge(path, counts) for path in paths], timeout_s=10)
    await s.store.commit([Merge(usage_path("t", "r", "2020-11-21", "m"), counts)], timeout_s=10)
    _, text = await get(s, "/money?tenant=t")
    assert f"<td>{2 * len(paths)}</td>" in text
    assert f"${1.5 * len(paths):.6f}" in text
    assert len(paths) > 300  # more than one query brings
    assert "2020-" not in text
    assert "Nothing of tenant u" in (await get(s, "/money?tenant=u"))[1]


async def test_money_by_model_and_lane(s: Services) -> None:
    today = f"{s.clock.now():%Y-%m-%d}"
    for model, lane, usd in (("m-1", "sync", 1), ("m-1", "batch", 2), ("m-2", "sync", 4)):
        fields = {"model": model, "lane": lane, "requests": 3, "cost_nano_usd": usd * 1_000_000_000}
        await s.store.commit([Merge(usage_path("t", "r", today, model, lane), fields)], timeout_s=10)
    _, text = await get(s, "/money?tenant=t")
    for row in ("m-1</th><td>–</td><td>batch</td><td>3</td>", "m-1</th><td>–</td><td>sync</td>"):
        assert row in text
    assert "$7.000000" in text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nothing", 404),
        ("/request/t/unknown", 404),
        ("/request/t", 404),
        ("/request/t/a/b", 404),
        ("/request/..%2F..%2Fcontrol/pause", 400),
        ("/request/t/%00", 400),
        ("/request/t/%FF", 400),
        ("/request/t/" + "x" * 129, 400),
        ("/find?tenant=../t", 400),
        ("/find?state=nonsense", 400),
        ("/find?after=%2F..", 400),
        ("/find?id=unknown", 404),
        ("/money?tenant=" + "t" * 3000, 414),
        ("/find?" + "a=b&" * 40, 400),
        ("/static/..%2Fpage.py", 404),
        ("/static/../page.py", 404),
        ("//", 404),
    ],
)
async def test_what_cannot_be_shown_says_so(s: Services, address: str, status: int) -> None:
    found, text = await get(s, address)
    assert found == status
    assert "Not shown" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "NONSENSE"])
async def test_no_other_method(s: Services, method: str) -> None:
    assert (await get(s, "/", method))[0] == 405


async def test_a_document_of_another_version_is_left_out_and_a_fault_is_a_page(
    s: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await s.store.commit([Create("tenants/t/requests/odd", {"state": 7})], timeout_s=10)
    assert "0 of the 1 looked at" in (await get(s, "/find?tenant=t"))[1]
    assert (await get(s, "/find?tenant=t&id=odd"))[0] == 404
    assert (await get(s, "/request/t/odd"))[0] == 404
    monkeypatch.setattr(Record, "decode", lambda _: 1 / 0)
    status, text = await get(s, "/request/t/odd")
    assert (status, "ZeroDivision" in text) == (500, False)
    assert "console.crashed" in capsys.readouterr().out


async def test_find_by_the_time_of_the_publish(s: Services) -> None:
    await keep(s, ended("early", published_at=after(0)), ended("late", published_at=after(7200)))
    _, text = await get(s, "/find?tenant=t&since=2026-01-01T13:00")
    assert ("late" in text, "early" in text) == (True, False)
    _, text = await get(s, "/find?tenant=t&until=2026-01-01T13:00")
    assert ("late" in text, "early" in text) == (False, True)
    assert (await get(s, "/find?tenant=t&since=yesterday"))[0] == 400


async def test_a_life_shows_what_was_planned_for_it(s: Services) -> None:
    plan = Plan("batch", ("large",), 0.001, 0.002, 0.95, after(0))
    await keep(s, ended("planned", plan=plan))
    _, text = await get(s, "/request/t/planned")
    for shown in ("batch", "$0.001000", "$0.002000", "95 %"):
        assert shown in text
    assert "1 of the 1" in (await get(s, "/find?tenant=t&lane=batch"))[1]
    assert "0 of the 1" in (await get(s, "/find?tenant=t&lane=sync"))[1]
