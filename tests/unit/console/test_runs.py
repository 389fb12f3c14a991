"""Runs in the console: how far they are, what failed, and what can be told to them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.ports import Create, Merge
from penstock.runs.story import run
from tests.unit.console.stage import Console

#: Its second item lacks what the template names: it fails, and costs nothing.
RUN: dict[str, Any] = {
    "run_id": "nightly",
    "tenant": "acme",
    "pipeline": {
        "version": 1,
        "steps": [
            {
                "id": "label",
                "map": {"as": "label", "request": {"prompt": "Label {{item.subject}}"}},
                "tolerated_failure_count": 1,
            }
        ],
    },
    "items": [{"id": "a", "subject": "one"}, {"id": "b", "other": "two"}],
    "max_wait_s": 600,
}


@pytest_asyncio.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    made = Console(tmp_path, PENSTOCK_RUNS_TOPIC="llm-runs")
    await made.folder.prepare()
    yield made
    await made.folder.services.close()


async def order(console: Console, **changes: Any) -> None:
    data = json.dumps(RUN | changes).encode()
    await console.folder.bus.publish("llm-runs", data, {}, timeout_s=10)


async def test_a_run_its_steps_and_what_failed(console: Console) -> None:
    await order(console)
    await console.folder.serve()
    _, listed = await console.get("/runs?tenant=acme")
    assert '<a href="/run/acme/nightly">nightly</a>' in listed
    assert "succeeded" in listed
    _, text = await console.get("/run/acme/nightly")
    assert '<th scope="row">label</th>' in text
    assert "over, not whole" in text
    assert "template_error" not in text
    _, failed = await console.get("/run/acme/nightly?show=failed")
    assert '<th scope="row">b</th>' in failed
    assert "template_error" in failed
    member = failed.count("/request/acme/")
    _, life = await console.get("/find?tenant=acme&run=nightly&state=completed")
    assert (member, "1 of the " in life) == (0, True)


async def test_a_run_with_a_budget_shows_it_and_what_it_lacks(console: Console) -> None:
    await order(console)
    await console.folder.serve()
    assert "charged to it" not in (await console.get("/run/acme/nightly"))[1]
    budget = {"budget_nano": 5_000_000_000, "spent_nano": 4_200_000_000, "held_nano": 30_000_000}
    paused = Merge("tenants/acme/runs/nightly", {**budget, "lacks": "A page may cost $1, and $0.80 is left."})
    await console.folder.services.store.commit([paused], timeout_s=10)
    _, text = await console.get("/run/acme/nightly")
    assert [amount in text for amount in ("$5.000000", "$4.200000", "$0.030000")] == [True] * 3
    assert "A page may cost $1, and $0.80 is left." in text
    assert "penstock run resume nightly --budget" in text


async def test_what_is_told_is_published_and_written_down(console: Console) -> None:
    # Given a run that is planned, and not further
    await order(console)
    [planned] = await console.folder.bus.pull("llm-runs-handler", 10)
    await run(console.folder.services, planned.envelope)
    await console.folder.bus.ack([planned])
    token = await _token(console)

    # If it is told to pause, I expect it paused, and may resume it then
    told = await console.post("/run/acme/nightly", {"token": token, "verb": "pause"})
    assert (told.status, told.headers["Location"]) == (303, "/run/acme/nightly")
    words = await console.folder.bus.pull("llm-runs-handler", 10)
    assert "pause" in {one.envelope.attributes.get("penstock_kind") for one in words}
    for one in words:
        await run(console.folder.services, one.envelope)
    _, text = await console.get("/run/acme/nightly")
    assert 'value="resume"' in text
    _, log = await console.get("/audit")
    assert "pause a run" in log
    assert "run nightly of acme" in log


async def test_what_means_nothing_is_not_told(console: Console) -> None:
    await order(console)
    await console.folder.serve()
    token = await _token(console)
    assert 'value="cancel"' not in (await console.get("/run/acme/nightly"))[1]
    for verb, status in (("cancel", 409), ("resume", 409), ("explode", 400), ("", 400)):
        shown = await console.post("/run/acme/nightly", {"token": token, "verb": verb})
        assert shown.status == status
    assert (await console.post("/run/acme/none", {"token": token, "verb": "cancel"})).status == 404
    assert await console.folder.drain("llm-runs-handler") == []
    assert "Nothing was done" in (await console.get("/audit"))[1]


async def test_a_viewer_sees_how_far_it_is_and_no_more(console: Console) -> None:
    await order(console)
    await console.folder.serve()
    token = await _token(console)
    console.seen_by_a_viewer()
    assert "succeeded" in (await console.get("/run/acme/nightly"))[1]
    assert (await console.get("/run/acme/nightly?show=failed"))[0] == 403
    told = await console.post("/run/acme/nightly", {"token": token, "verb": "redrive"})
    assert told.status == 403
    assert await console.folder.drain("llm-runs-handler") == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/run/acme/none", 404),
        ("/run/acme/odd", 404),
        ("/run/..%2Fx/r", 400),
        ("/run/acme/" + "r" * 65, 400),
        ("/runs?tenant=..%2Ft", 400),
        ("/runs?after=%2F..", 400),
    ],
)
async def test_what_is_no_run_says_so(console: Console, address: str, status: int) -> None:
    store = console.folder.services.store
    await store.commit([Create("tenants/acme/runs/odd", {"state": 7})], timeout_s=10)
    assert (await console.get(address))[0] == status
    assert (await console.get("/runs?tenant=acme"))[0] == 200


async def _token(console: Console) -> str:
    await console.get("/")
    return console.cookie.partition("=")[2]
