"""A request that waits for a batch, and one that a batch has answered, as `get` and `watch` tell of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.paths import request_path
from penstock.ports import Update
from penstock.requests.record import Record
from penstock.requests.waiting import sent
from penstock_ops.asking.get import get
from penstock_ops.asking.lane import bought
from tests.unit.ops.redriving.redrive_stage import Folder

_USUAL = {"provider": "openai", "model": "gpt-5.4-nano", "base_url": "http://127.0.0.1:9/v1"}
_LAZY = _USUAL | {"name": "lazy", "lane": "batch", "max_output": 100}
_TARGETS = [_LAZY, _USUAL | {"name": "prompt", "max_output": 100}]
_ROUTES = json.dumps({"default": "a", "routes": {"a": {"choose": "cheapest", "targets": _TARGETS}}})


async def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    env = {
        "PENSTOCK_LOCAL": str(tmp_path / "penstock"), "PENSTOCK_ROUTES": _ROUTES,
        "PENSTOCK_BATCHES_TOPIC": "llm-batches", "OPENAI_API_KEY": "sk-test",
    }  # fmt: skip
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    made = Folder(tmp_path / "penstock", **env)
    await made.prepare()
    return made


async def _told(capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """What `get` says of r to a person, and to a program."""
    capsys.readouterr()
    assert await get("r", "default", as_json=False) == 1
    said = capsys.readouterr().out
    assert await get("r", "default", as_json=True) == 1
    return said, json.loads(capsys.readouterr().out)


async def test_who_waits_for_a_batch_is_told_since_when_and_until_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a request that may wait a day, taken up by a system with a lane that waits
    folder = await _folder(tmp_path, monkeypatch)
    before = datetime.now(UTC)
    await folder.publish({"prompt": "Why?", "request_id": "r", "max_wait_s": 86400})
    await folder.serve()

    # If it is looked at, I expect since when and how long it waits, for which target, and what that is for
    said, told = await _told(capsys)
    assert "It has waited for the next batch of lazy since" in said
    assert "then it is asked at once" in said
    assert "It is expected to cost $0.00" in said
    assert (told["state"], told["lane"], told["batch"], told["sent_at"]) == ("queued", "batch", None, None)
    assert before <= datetime.fromisoformat(told["waits_since"]) <= datetime.now(UTC)
    assert before + timedelta(hours=23) < datetime.fromisoformat(told["escalate_at"])
    assert told["plan"]["predicted_usd"] < told["plan"]["list_usd"]

    # and once it is a line of a batch, of which one and since when
    at = datetime.now(UTC)
    await _send(folder, at)
    said, told = await _told(capsys)
    await folder.services.close()
    assert "It is out in batch b-7 since" in said
    assert (told["state"], told["batch"]) == ("sent", "b-7")
    assert datetime.fromisoformat(told["sent_at"]) == at


async def _send(folder: Folder, at: datetime) -> None:
    """As sealing a batch does."""
    s = folder.services
    [found] = await s.store.read([request_path("default", "r")], timeout_s=10)
    record = Record.decode(found.fields or {})
    out = sent(record, "b-7", "lazy", at, s.timing)
    await s.store.commit([Update(found.path, out.changes(record), found.version)], timeout_s=10)


@pytest.mark.parametrize(
    ("lane", "saved", "said"),
    [
        (None, None, ""),
        ("sync", 0.0, ""),
        ("sync", 0.001, "lane sync, saved $0.001000"),
        ("batch", 0.001, "lane batch, saved $0.001000"),
        ("batch", None, "lane batch"),
    ],
)
def test_a_result_says_by_which_lane_it_came_and_what_that_saved(
    lane: str | None, saved: float | None, said: str
) -> None:
    named = {} if lane is None else {"lane": lane}
    by_lane = {} if saved is None else {"saved_by_lane_usd": saved}
    assert bought(named | {"cost": by_lane}) == said
