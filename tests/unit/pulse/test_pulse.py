"""The pulse: what is counted of a confirmed result, by the minute, and that nobody waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.console.pace import hours_of, pace
from penstock.errors import StoreUnavailable
from penstock.paths import sharded
from penstock.ports import Committed, Merge, Write
from penstock.pulse.counts import counted, last_hour
from penstock.requests.record import Attempt, Record, State
from tests.unit.ops.redriving.redrive_stage import Folder
from tests.unit.requests.records import after, record


@pytest_asyncio.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    made = Folder(tmp_path, PENSTOCK_CONSOLE="local")
    await made.prepare()
    yield made
    await made.services.close()


async def shown(folder: Folder) -> dict[str, Any]:
    s, now = folder.services, folder.services.clock.now()
    found = await s.store.read(hours_of(now), timeout_s=10)
    return pace(s, now, {one.path: one.fields for one in found if one.fields is not None})


async def test_results_and_calls_of_the_last_hour(folder: Folder) -> None:
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.fail("late")
    await folder.serve()
    told = await shown(folder)
    assert (told["done"], told["failed"], told["most"]) == (1, 1, 2)
    [target] = told["targets"]
    assert (target.name, target.calls, target.busy) == ("off", 1, 0)


async def test_a_delivery_that_comes_again_counts_nothing(folder: Folder) -> None:
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    assert (await shown(folder))["done"] == 1


async def test_a_store_that_does_not_take_it_loses_the_picture_alone(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing:
        def __init__(self, store: Any) -> None:
            self._store = store

        async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
            if any(isinstance(write, Merge) and write.path.startswith("hours/") for write in writes):
                raise StoreUnavailable("away")
            done: Committed = await self._store.commit(writes, timeout_s=timeout_s)
            return done

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

    folder.services = replace(folder.services, store=Refusing(folder.services.store))
    await folder.publish({"prompt": "Why?", "request_id": "r"})
    await folder.serve()
    assert (await folder.record("r")).confirmed_at is not None
    assert "pulse.lost" in capsys.readouterr().out


def of(*lines: Attempt, **fields: Any) -> Record:
    result = {"status": "completed", "cost": {"usd": 0.000002}}
    return record(State.TERMINAL, result=result, attempts=lines, **fields)


def test_what_each_line_of_the_ledger_is() -> None:
    lines = (
        Attempt(3, "a/b", after(1), "unpaid", asked=3),
        Attempt(3, "a/b", after(2), "ambiguous"),
        Attempt(3, "c", after(3), "not called"),
        Attempt(3, "c", after(4), "ok", asked=2),
    )
    took = {"20260101T120004000000": 1500}
    assert dict(counted(of(*lines, took=took))) == {
        "done": 1, "nano_usd": 2000, "calls a/b": 4, "busy a/b": 3, "unclear a/b": 1,
        "held c": 1, "calls c": 2, "busy c": 1, "ms c": 1500,
    }  # fmt: skip


def test_a_redriven_life_counts_its_own_lines() -> None:
    lines = (Attempt(3, "a", after(1), "final"), Attempt(5, "a", after(100), "ok"))
    redriven = of(*lines, redrive_count=1, open_since=sharded("t", "r", after(90)))
    assert counted(redriven)["calls a"] == 1


def test_an_hour_lies_in_two_documents_at_most() -> None:
    start = datetime(2026, 11, 28, 21, 0, 30, tzinfo=UTC)
    for minutes in range(120):
        now = start + timedelta(minutes=minutes)
        assert len(hours_of(now)) == (1 if now.minute == 59 else 2)
        assert len(last_hour(now)) == 60
