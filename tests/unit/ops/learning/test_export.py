"""`penstock export` on a local folder: what real requests were answered, as a set to tune a model on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.ports import Delete
from penstock_ops.learning import export as module
from penstock_ops.learning.export import Wanted, export
from penstock_ops.terminal.faults import Misuse, OperatorFault
from tests.unit.ops.redriving.redrive_stage import Folder

WANTED = Wanted("acme", "openai-chat", None, None, None, (), 0.0, None, 3)
_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def ask(folder: Folder, count: int, **body: Any) -> None:
    for number in range(count):
        whole = {"prompt": f"Why {number}?", "request_id": f"r{number}", "tenant": "acme"} | body
        if "messages" in whole:
            del whole["prompt"]
        await folder.publish(whole)
    await folder.serve()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def openai_fault(examples: list[dict[str, Any]]) -> str | None:
    """What OpenAI's rules for a file of chat examples refuse in it."""
    if len(examples) < 10:
        return "fewer than ten examples"
    for line in examples:
        if not line.keys() <= {"messages", "tools", "parallel_tool_calls"}:
            return "an unknown field"
        if line["messages"][-1]["role"] != "assistant":
            return "nothing to learn"
        called: set[str] = set()
        for message in line["messages"]:
            if fault := _message_fault(message, called):
                return fault
    return None


def _message_fault(message: Mapping[str, Any], called: set[str]) -> str | None:
    if message["role"] not in {"system", "user", "assistant", "tool"}:
        return "an unknown role"
    if not message.keys() <= {"role", "content", "name", "tool_calls", "tool_call_id", "weight"}:
        return "an unknown field in a message"
    called.update(call["id"] for call in message.get("tool_calls", ()))
    if message["role"] == "tool" and message["tool_call_id"] not in called:
        return "an answer to no call"
    if "tool_calls" not in message and not isinstance(message.get("content"), (str, list)):
        return "no content"
    return None


@pytest.mark.slow
async def test_a_tenants_answers_are_a_file_that_openai_takes(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": "Look it up."},
        {"role": "assistant", "reasoning": "hm", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]  # fmt: skip
    await ask(folder, 12)
    await ask(folder, 1, request_id="tools", messages=history, params={"tools": [_TOOL]})
    await ask(folder, 1, request_id="again")  # the question of r0
    await folder.fail("late", "acme")
    await folder.publish({"prompt": "Another's", "request_id": "x", "tenant": "other"})
    await folder.serve()
    capsys.readouterr()  # the functions' log
    assert await export(WANTED, tmp_path / "set", as_json=True) == 0
    sheet = json.loads(capsys.readouterr().out)
    train = lines(tmp_path / "set-train.jsonl")
    assert openai_fault(train) is None
    assert (sheet["examples"], sheet["duplicates"], sheet["left_out"]) == (13, 1, {"it failed": 1})
    [tools] = [line for line in train if "tools" in line]
    assert [message["role"] for message in tools["messages"]] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert "reasoning" not in tools["messages"][2]
    stored = (await folder.services.store.read(["tenants/acme/requests/r1"], timeout_s=9))[0].fields or {}
    [one] = [line for line in train if line["messages"][0]["content"] == "Why 1?"]
    assert one["messages"][1]["content"] == stored["result"]["completion"]["text"]
    assert not (tmp_path / "set-validation.jsonl").exists()
    assert "Another" not in (tmp_path / "set-train.jsonl").read_text()
    assert json.loads((tmp_path / "set-datasheet.json").read_text()) == {
        name: value for name, value in sheet.items() if name != "files"
    }


@pytest.mark.slow
async def test_a_share_is_held_back_and_it_is_the_same_each_time(folder: Folder, tmp_path: Path) -> None:
    await ask(folder, 24)
    wanted = replace(WANTED, validation=0.3, usd_per_million=10.0)
    for name in ("one", "two"):
        assert await export(wanted, tmp_path / name, as_json=True) == 0
    held = [(tmp_path / f"{name}-validation.jsonl").read_text() for name in ("one", "two")]
    assert held[0] == held[1]
    sheet = json.loads((tmp_path / "one-datasheet.json").read_text())
    assert 0 < sheet["validation"] < 14
    assert sheet["train"] + sheet["validation"] == 24
    tokens = sheet["tokens"]["prompt"] + sheet["tokens"]["completion"]
    assert sheet["training"]["usd"] == pytest.approx(tokens * 3 * 10 / 1e6)


async def test_dropped_fields_are_in_no_line(folder: Folder, tmp_path: Path) -> None:
    said = json.dumps({"order": 7, "customer": {"email": "a@b.c", "since": 2019}})
    messages = [{"role": "user", "name": "Ann", "content": said}]
    await ask(folder, 1, messages=messages)
    wanted = replace(WANTED, format="hf-messages", drop=("email", "name"))
    assert await export(wanted, tmp_path / "set", as_json=True) == 0
    [line] = lines(tmp_path / "set-train.jsonl")
    assert json.loads(line["messages"][0]["content"]) == {"order": 7, "customer": {"since": 2019}}
    assert set(line["messages"][0]) == {"role", "content"}


async def test_what_has_no_column_is_left_out_and_counted(folder: Folder, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    parts = [{"type": "text", "text": "What"}, {"type": "text", "text": "is it?"}]
    await ask(folder, 1, request_id="parts", messages=[{"role": "user", "content": parts}])
    await ask(folder, 1, request_id="seen", messages=[{"role": "user", "content": [*parts, picture]}])
    wanted = replace(WANTED, format="hf-messages")
    assert await export(wanted, tmp_path / "set", as_json=True) == 0
    [line] = lines(tmp_path / "set-train.jsonl")
    assert line["messages"][0]["content"] == "What\nis it?"
    sheet = json.loads((tmp_path / "set-datasheet.json").read_text())
    assert sum(sheet["left_out"].values()) == 1


async def test_only_what_a_route_was_asked_and_a_target_answered(folder: Folder, tmp_path: Path) -> None:
    await ask(folder, 1)
    for wanted in (replace(WANTED, route="none"), replace(WANTED, target="none")):
        with pytest.raises(OperatorFault, match="Nothing of tenant acme"):
            await export(wanted, tmp_path / "set", as_json=True)
    wanted = replace(WANTED, format="hf-messages", route="default", target="off", since="2026-01-01")
    assert await export(wanted, tmp_path / "set", as_json=True) == 0


@pytest.mark.slow
async def test_a_forgotten_tenant_is_refused_and_so_is_one_forgotten_meanwhile(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatorFault, match="it was forgotten"):
        await export(WANTED, tmp_path / "set", as_json=True)
    await ask(folder, 12)

    still_there = module._check_still_there

    async def after_forgetting(system: Any, tenant: str, paths: list[str]) -> None:
        """Somebody's `penstock forget`, between the last line and the last look."""
        await folder.services.store.commit([Delete("tenants/acme/requests/r3")], timeout_s=9)
        await still_there(system, tenant, paths)

    monkeypatch.setattr(module, "_check_still_there", after_forgetting)
    with pytest.raises(OperatorFault, match="were forgotten"):
        await export(WANTED, tmp_path / "set", as_json=True)
    assert list(tmp_path.glob("set*")) == []


@pytest.mark.slow
async def test_too_few_for_openai_leave_nothing_behind(folder: Folder, tmp_path: Path) -> None:
    await ask(folder, 9)
    with pytest.raises(OperatorFault, match="fewer than 10 examples, and there are 9"):
        await export(WANTED, tmp_path / "set", as_json=True)
    assert list(tmp_path.glob("set*")) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"format": "csv"}, "openai-chat, hf-messages"),
        ({"validation": 1.0}, "below 1"),
        ({"drop": ("content",)}, "a message is made of it"),
        ({"since": "soon"}, "no day"),
        ({"tenant": "a/b"}, "--tenant"),
    ],
)
async def test_what_cannot_be_meant_is_refused(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        await export(replace(WANTED, **wrong), tmp_path / "set", as_json=True)


async def test_no_file_is_written_over(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "set-train.jsonl").write_text("mine")
    with pytest.raises(Misuse, match="there already"):
        await export(WANTED, tmp_path / "set", as_json=True)
    with pytest.raises(Misuse, match="is no folder"):
        await export(WANTED, tmp_path / "none" / "set", as_json=True)
    assert (tmp_path / "set-train.jsonl").read_text() == "mine"


@pytest.mark.slow
async def test_the_library_datasets_reads_it(folder: Folder, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    await ask(folder, 12)
    wanted = replace(WANTED, format="hf-messages", validation=0.2)
    assert await export(wanted, tmp_path / "set", as_json=True) == 0
    files = {name: str(tmp_path / f"set-{name}.jsonl") for name in ("train", "validation")}
    read = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert {*read["train"].column_names} == {"messages"}
    assert len(read["train"]) + len(read["validation"]) == 12
