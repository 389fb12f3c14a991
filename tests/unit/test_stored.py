"""What is stored is as docs/design.md §5 says: what is written, for how long, and what forget does."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.adapters.providers.offline import OfflineProvider
from penstock.adapters.stores.sqlite_tables import INDEXED
from penstock.callbacks.endpoint import Endpoint
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.paths import endpoint_path, reach_path, request_path
from penstock.ports import Committed, Create, Delete, Fields, Merge, Put, Store, Update, Write
from penstock.timing import Timing
from penstock_ops.upkeep.forget import forget
from penstock_ops.upkeep.pause import pause
from tests.design_page import Row, pattern, table
from tests.unit.door.asking import Client
from tests.unit.ops.redriving.redrive_stage import Folder

#: A run that is over at once: so the time that its pages are kept is counted from now.
RUN = {
    "run_id": "n1",
    "tenant": "acme",
    "pipeline": {"version": 1, "steps": [{"id": "s", "split": {"field": "text", "max_tokens": 9}}]},
    "items": ["What is a penstock?"],
    "max_wait_s": 50,
}

#: Written where budgets are on.
BUDGETS = {
    *("control/money", "accounts/{scope}~{month}"),
    *("allotments/{allotment}", "allotments/{allotment}/drawn/{shard}", "doubts/{doubt}"),
}
#: Written where shared limits are on (tests/unit/pacing).
LIMITS = {"paces/{scope}", "turns/{scope}", "control/turns"}

#: Written where similar answers are judged (tests/unit/similar).
SIMILAR = {
    *("tenants/{tenant}/evidence/{way}", "tenants/{tenant}/audits/{request_id}"),
    "tenants/{tenant}/similar/{scope}-{place}",
}

#: By the door: what is waited for, and what is not.
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "What is a headrace?"}]},
    "/v1/responses": {"input": "What is a surge tank?", "background": True},
}

#: A batch's file, as a client sends it.
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    b'{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"model":"echo","input":"Why?"}}\r\n--b--\r\n'
)

DOCUMENTS, FILES = table("document"), table("file")


class Recorder:
    """The Store port on `store`; `written` is what each committed write set, by path."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written: list[tuple[str, Fields]] = []

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        done = await self._store.commit(writes, timeout_s=timeout_s)
        self.written += [
            (write.path, write.fields) for write in writes if isinstance(write, Create | Update | Put | Merge)
        ]
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Overtaken(OfflineProvider):
    """Answers when somebody else has taken the request over: the answer becomes an orphan."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        theirs = {"owner": "somebody else", "fence": 99, "write_id": "theirs"}
        path = request_path(request.tenant, request.request_id)
        await self._store.commit([Merge(path, theirs)], timeout_s=timeout_s)
        return await super().complete(request, timeout_s=timeout_s)


def row_of(path: str, rows: Sequence[Row] = DOCUMENTS) -> Row:
    [row] = [row for row in rows if pattern(next(iter(row.values()))).fullmatch(path)]
    return row


@pytest.fixture(params=[1, 4])
async def lived(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Folder, Recorder, float]]:
    """A folder in which one of everything was written, at a time scale."""
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path))
    on = {"PENSTOCK_RUNS_TOPIC": "llm-runs", "PENSTOCK_CALLBACKS_TOPIC": "llm-callbacks"}
    on |= {"PENSTOCK_CONSOLE": "local", "PENSTOCK_DOOR": "iam", "PENSTOCK_TIME_SCALE": str(request.param)}
    folder = Folder(tmp_path, **on)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(folder.services.close)
        recorder = Recorder(folder.services.store)
        folder.services = replace(folder.services, store=recorder)
        await folder.prepare()
        await folder.publish({"prompt": "What is a penstock?", "request_id": "r1", "tenant": "acme"})
        await folder.serve()
        for address, fields in ASKED.items():
            asked = Client(folder.services, headers={"x-penstock-tenant": "acme"})
            assert (await asked.ask("POST", address, {"model": "echo"} | fields)).status == 200
        await folder.serve()
        await _told_of_nothing(folder, recorder)
        folder.services = replace(folder.services, providers={"off": Overtaken(recorder)})
        await folder.publish({"prompt": "Whose answer?", "request_id": "r2", "tenant": "acme"})
        await folder.serve()
        await folder.bus.publish("llm-runs", json.dumps(RUN).encode(), {}, timeout_s=10)
        await folder.serve()
        # Its run is not begun: what it wrote would be kept for as long as the batch may take, and longer.
        form = {"content_type": "multipart/form-data; boundary=b"}
        file_id = (await asked.ask("POST", "/v1/files", FORM, b"", **form)).json["id"]
        batch = {"input_file_id": file_id, "endpoint": "/v1/responses", "completion_window": "1h"}
        assert (await asked.ask("POST", "/v1/batches", batch)).status == 200
        yield folder, recorder, float(request.param)


async def _told_of_nothing(folder: Folder, recorder: Recorder) -> None:
    """A callback that ends because its endpoint is taken away; another one stays, and is switched off."""
    for name in ("crm", "erp"):
        endpoint = Endpoint("acme", name, "https://crm.example.com/")
        await recorder.commit([Put(endpoint_path("acme", name), endpoint.encode())], timeout_s=10)
    await recorder.commit([Put(reach_path("acme", "erp"), {"off_why": "It answered 410."})], timeout_s=10)
    callback = {"endpoint": "crm"}
    body = {"prompt": "Who is told?", "request_id": "r3", "tenant": "acme", "callback": callback}
    await folder.publish(body)
    await folder.serve()
    await recorder.commit([Delete(endpoint_path("acme", "crm"))], timeout_s=10)
    await folder.call_back()


@pytest.mark.slow
async def test_what_is_written_has_its_row_and_expires_as_the_row_says(
    lived: tuple[Folder, Recorder, float],
) -> None:
    _, recorder, scale = lived
    timing = Timing().scaled(scale)
    seen = set()
    for path, fields in recorder.written:
        row = row_of(path)
        seen.add((row["document"], "expires_at" in fields))
        if "expires_at" in fields:
            lasts = (fields["expires_at"] - datetime.now(UTC)).total_seconds()
            # A minute has a beginning.
            assert lasts == pytest.approx(getattr(timing, row["expires"].split()[0]), abs=90)
    # others write these: the operator's pause and keys, the console's log, the targets' speed where routes
    # plan, compared bills, budgets, limits, piles and batches where a lane waits (tests/unit/batches)
    elsewhere = {"control/pause", "control/speed-{target}", "audit/{action}", "keys/{key_id}", "bills/{bill}"}
    elsewhere |= BUDGETS | LIMITS | SIMILAR
    elsewhere |= {
        row["document"] for row in DOCUMENTS if "/piles/" in row["document"] or "/batches/" in row["document"]
    }
    here = [row for row in DOCUMENTS if row["document"] not in elsewhere]
    expiring = {row["document"] for row in here if row["expires"] != "never"}
    assert {document for document, expires in seen if expires} == expiring
    assert {document for document, _ in seen} | elsewhere == {row["document"] for row in DOCUMENTS}


@pytest.mark.slow
async def test_forget_does_what_the_row_says(lived: tuple[Folder, Recorder, float]) -> None:
    folder, recorder, _ = lived
    await pause(None, as_json=True)
    blobs = {name: row["forget"] for row in FILES for name in [_named(row["file"])]}
    for name in blobs:
        await folder.services.blobs.put(name, b"text", timeout_s=10)
    paths = sorted({path for path, _ in recorder.written} | {"control/pause"})

    assert await forget("acme", yes=True, force=True, as_json=True) == 0

    found = await folder.services.store.read(paths, timeout_s=10)
    fates = {snapshot.path: "kept" if snapshot.exists else "deleted" for snapshot in found}
    assert fates == {path: row_of(path)["forget"] for path in paths}
    left = {name: await folder.services.blobs.find(name, timeout_s=10) for name in blobs}
    assert {name: "kept" if data else "deleted" for name, data in left.items()} == blobs


@pytest.mark.slow
def test_the_tables_of_an_embedded_folder_are_the_rows(
    lived: tuple[Folder, Recorder, float], tmp_path: Path
) -> None:
    for row in table("embedded file"):
        with closing(sqlite3.connect(tmp_path / row["embedded file"])) as connection:
            tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            names = {name for (name,) in connection.execute(tables)}
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert names == {name.strip() for name in re.sub(r"\(.*?\)", "", row["tables"]).split(",")}
        assert version == int(row["format"])


def test_what_is_searched_is_what_the_embedded_store_can_find() -> None:
    searched = {name.strip() for row in DOCUMENTS for name in row["searched"].split(",")} - {"–"}
    assert searched == set(INDEXED)


def _named(path: str) -> str:
    """A file of the tenant acme, as the row's path has it."""
    return path.replace("{tenant}", "acme").replace("{sha256}", "0a1b").replace("{", "").replace("}", "")
