"""`penstock pause` and `resume` on a local folder: the command's side of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.paths import request_path, sharded, time_of
from penstock.pause import PAUSE_PATH
from penstock.ports import Put, Update
from penstock.requests.record import Record, State
from penstock.sweep import sweep
from penstock_ops.upkeep.pause import pause, resume
from tests.unit.ops.redriving.redrive_stage import Folder

#: The poll of 5 s becomes 0.2 s, a hold of a minute 2.4 s, and a read has 0.32 s: the disk is a real one.
SCALE = 25


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    monkeypatch.setenv("PENSTOCK_TIME_SCALE", str(SCALE))
    made = Folder(tmp_path / "penstock", PENSTOCK_TIME_SCALE=str(SCALE))
    await made.prepare()
    yield made
    await made.services.close()


async def told(capsys: pytest.CaptureFixture[str], verb: Any) -> dict[str, Any]:
    capsys.readouterr()
    assert await verb == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


async def test_what_a_pause_holds_is_due_within_a_minute_of_resuming(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a pause that has lasted for days, and much that it holds back until much later
    await pause("the bill", as_json=True)
    long_ago = {"since": datetime.now(UTC) - timedelta(days=3), "reason": "the bill"}
    await folder.services.store.commit([Put(PAUSE_PATH, long_ago)], timeout_s=10)
    for number in range(8):
        await folder.publish({"prompt": f"Why, {number}?", "request_id": f"r{number}"})
    await folder.serve()
    records = [await folder.record(f"r{number}") for number in range(8)]
    assert {(record.state, record.calls) for record in records} == {(State.PARKED, 0)}
    later = datetime.now(UTC) + timedelta(seconds=300 / SCALE)
    assert all(time_of(record.due_at or "") > later for record in records)

    # If the operator resumes
    answer = await told(capsys, resume(as_json=True))

    # I expect all of it due within the (scaled) minute, and answered by the sweeper's wakes
    assert answer == {"paused": False, "was_paused": True, "released": 8}
    horizon = datetime.now(UTC) + timedelta(seconds=60 / SCALE)
    records = [await folder.record(f"r{number}") for number in range(8)]
    assert all(time_of(record.due_at or "") <= horizon for record in records)
    while not all([(await folder.record(f"r{number}")).confirmed_at for number in range(8)]):
        await sweep(folder.services)
        await folder.serve()
    assert {(await folder.record(f"r{number}")).calls for number in range(8)} == {1}


async def test_what_a_provider_parked_keeps_its_time(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a request whose provider asked for an hour, a resume must not ask again before that."""
    await pause(None, as_json=True)
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    path, store = request_path("default", "r"), folder.services.store
    [found] = await store.read([path], timeout_s=10)
    record = Record.decode(found.fields or {})
    until = datetime.now(UTC) + timedelta(hours=1)
    due = sharded("default", "r", until)
    await store.commit([Update(path, {"not_before": until, "due_at": due}, found.version)], timeout_s=10)
    assert record.state is State.PARKED

    assert (await told(capsys, resume(as_json=True)))["released"] == 0
    assert (await folder.record("r")).due_at == due


async def test_all_that_is_due_at_one_moment_is_released(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than a query brings, with one and the same time: they are paged by their paths."""
    await pause(None, as_json=True)
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    path, store = request_path("default", "r"), folder.services.store
    [found] = await store.read([path], timeout_s=10)
    names = [f"r{number}" for number in range(250)]
    copies = [
        Put(request_path("default", name), {**(found.fields or {}), "request_id": name}) for name in names
    ]
    await store.commit(copies, timeout_s=10)

    assert (await told(capsys, resume(as_json=True)))["released"] == 251


async def test_a_document_that_cannot_be_read_is_named_and_holds_nobody_back(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await pause(None, as_json=True)
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    due = (await folder.record("r")).due_at
    path, store = "tenants/default/requests/tomorrow", folder.services.store
    await store.commit([Put(path, {"state": "of tomorrow", "due_at": due})], timeout_s=10)

    capsys.readouterr()
    assert await resume(as_json=True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["released"] == 1
    assert path in told.err


async def test_a_second_pause_keeps_the_first_ones_time(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await told(capsys, pause("one", as_json=True))
    second = await told(capsys, pause(None, as_json=True))
    third = await told(capsys, pause("two", as_json=True))
    assert first == second
    assert third == first | {"reason": "two"}


async def test_resuming_what_was_not_paused_is_fine(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await told(capsys, resume(as_json=True)) == {"paused": False, "was_paused": False, "released": 0}
    assert await resume(as_json=False) == 0
    assert "not paused" in capsys.readouterr().out
