"""`penstock get` on a local folder: what the dead letters add to what is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.paths import request_path
from penstock.ports import Put
from penstock_ops.asking.get import get
from penstock_ops.terminal.faults import OperatorFault
from tests.unit.ops.redriving.redrive_stage import Folder


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def test_a_refused_message_is_explained_by_its_dead_letter(folder: Folder) -> None:
    # Given a message that could not become a request, with an id, and one without
    await folder.publish({"prompt": 7, "request_id": "r", "tenant": "acme"})
    message_id = await folder.publish({"prompt": 7})
    await folder.serve()

    # I expect reason, sentence, and what to do about it
    for request_id, tenant in (("r", "acme"), (message_id, "default")):
        with pytest.raises(OperatorFault, match=r"malformed: .*prompt.* Correct it and publish it again"):
            await get(request_id, tenant, as_json=False)
    # and nobody else's, nor anything taken away
    with pytest.raises(OperatorFault, match="never published here"):
        await get("r", "default", as_json=False)
    assert await folder.letters() == 2


async def test_a_conflict_is_told_beside_the_result_that_stands(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.publish({"prompt": "First?", "request_id": "r"})
    await folder.serve()
    await folder.publish({"prompt": "Another one?", "request_id": "r"})
    await folder.serve()

    capsys.readouterr()
    assert await get("r", "default", as_json=True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == "completed"
    assert "conflict" in told.err
    assert "under a new id" in told.err
    assert await folder.letters() == 1


async def test_a_failed_requests_own_letter_says_nothing_twice(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await folder.fail("r")
    capsys.readouterr()
    assert await get("r", "default", as_json=True) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["reason"] == "deadline_exceeded"
    assert "dead letters" not in told.err


async def test_a_message_that_nobody_answered_is_found_among_the_dead_letters(folder: Folder) -> None:
    body = json.dumps({"prompt": "Hello?", "request_id": "r"}).encode()
    await folder.copy("llm-requests-handler", body, "2026-01-01T00:00:00Z")
    with pytest.raises(OperatorFault, match=r"undeliverable.*penstock redrive"):
        await get("r", "default", as_json=False)


async def test_a_document_of_a_later_version_is_named(folder: Folder) -> None:
    path = request_path("default", "r")
    await folder.services.store.commit([Put(path, {"state": "of tomorrow"})], timeout_s=10)
    with pytest.raises(OperatorFault, match=path):
        await get("r", "default", as_json=False)
