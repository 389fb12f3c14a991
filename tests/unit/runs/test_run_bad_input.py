"""What comes in wrong to a run by its message, one by one: nothing is lost, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.runs import planning
from tests.chaos.callback_stage import with_callbacks
from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, document, mapped, outcome, pipeline, rows, start
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS


async def _publish(stage: Stage, **more: Any) -> None:
    body = {"run_id": "r", "pipeline": pipeline()} | more
    await stage.world.bus.publish(TOPICS.runs, json.dumps(body).encode(), {}, timeout_s=15)
    await stage.rest()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (b"", "has no items"),
        (b'"a"\n' + json.dumps("x" * 300 * 1024).encode(), "Line 2 of the items has over 262144 bytes"),
        (b'{"id": 1}\n{"id": 1}', "Two items have the same id"),
        (b'"a"\n{half', "Line 2 of the items"),
    ],
    ids=["no items", "an item of 300 KiB", "an id twice", "half a line"],
)
def test_a_file_that_is_at_fault_ends_the_run_and_its_line_is_named(lines: bytes, says: str) -> None:
    async def scene(stage: Stage) -> None:
        ref = await stage.world.blobs.put("tenants/default/runs/in/items.jsonl", lines, timeout_s=5)
        await _publish(stage, items_ref=ref.encode())
        ended = (await document(stage, "r"))["outcome"]
        assert (ended["status"], ended["reason"]) == ("failed", "malformed")
        assert says in ended["message"]
        assert stage.calls() == 0

    play(scene, shape=RUNS)


def test_a_template_that_names_a_missing_field_fails_that_member_alone_unpaid() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", [{"no": "text"}, "b"], mapped(tolerated_failure_count=1))
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        first, second = await rows(stage, "r")
        assert first["error"]["reason"] == "template_error"
        assert "item.text" in first["error"]["message"]
        assert "error" not in second
        assert stage.calls() == 1

    play(scene, shape=RUNS)


def test_a_definition_that_changes_while_its_run_goes_on_is_a_conflict_and_the_run_keeps_its_own() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], max_in_flight=1)
        await start(stage.world, "r", ["a", "b"], mapped("another"), max_in_flight=1)
        await stage.rest()
        assert await stage.letters() == ["conflict"]
        assert await outcome(stage, "r") == ("succeeded", "")
        assert stage.calls() == 2

    play(scene, shape=RUNS, always=Reply("ok", 5.0))


async def _lines(count: int) -> AsyncIterator[bytes]:
    """So many lines of a file of items, a few MiB at a time."""
    block = 1_000
    for _ in range(count // block):
        yield b'"a ticket"\n' * block


async def _refused_for_its_size(stage: Stage, count: int, limit: int) -> None:
    """A file of `count` lines ends the run, and nothing of it is asked."""
    blobs = stage.world.blobs
    ref = await blobs.put_stream("tenants/default/runs/in/items.jsonl", _lines(count), timeout_s=60)
    await _publish(stage, items_ref=ref.encode())
    ended = (await document(stage, "r"))["outcome"]
    assert (ended["status"], ended["reason"]) == ("failed", "malformed")
    assert ended["message"] == f"The run has over {limit} items: make several runs of it."
    assert stage.calls() == 0


def test_a_file_of_too_many_items_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "ITEMS_LIMIT", 1_000)
    play(lambda stage: _refused_for_its_size(stage, 2_000, 1_000), shape=RUNS)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_file_of_two_million_items_ends_the_run() -> None:
    play(lambda stage: _refused_for_its_size(stage, 2_000_000, 1_000_000), shape=RUNS)


@pytest.mark.parametrize("other", [{"items": ["a", "c"]}, {"max_in_flight": 7}], ids=["items", "width"])
def test_an_id_that_is_in_use_for_something_else_is_a_conflict_also_when_its_run_is_over(
    other: dict[str, Any],
) -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"])
        await stage.rest()
        before = await document(stage, "r")
        await start(stage.world, "r", **{"items": ["a", "b"]} | other)
        await stage.rest()
        assert await stage.letters() == ["conflict"]
        assert await document(stage, "r") == before

    play(scene, shape=RUNS)


def test_more_items_than_a_message_carries_are_refused() -> None:
    async def scene(stage: Stage) -> None:
        await _publish(stage, items=["a"] * 1001)
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert "items" in letter.attributes["error"]

    play(scene, shape=RUNS)


@pytest.mark.parametrize(
    "callback",
    [{"endpoint": "nobody"}, {"url": "https://crm.example.com/hooks"}, {"endpoint": "169.254.169.254"}],
    ids=["not registered", "an address", "an address as a name"],
)
def test_a_run_that_nobody_could_be_told_of_is_refused_before_anything_is_paid(
    callback: dict[str, str],
) -> None:
    async def scene(stage: Stage) -> None:
        await _publish(stage, items=["a"], callback=callback)
        assert (await stage.letters(), stage.calls()) == (["malformed"], 0)
        [found] = await stage.world.store.read(["tenants/default/runs/r"], timeout_s=8)
        assert found.fields is None

    play(scene, shape=with_callbacks(RUNS), checked=False)
