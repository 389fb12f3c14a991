"""What comes in wrong to a run by its message, one by one: nothing is lost, and the rest goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

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


def test_more_items_than_a_message_carries_are_refused() -> None:
    async def scene(stage: Stage) -> None:
        await _publish(stage, items=["a"] * 1001)
        [letter] = (await stage.evidence()).letters
        assert letter.attributes["reason"] == "malformed"
        assert "items" in letter.attributes["error"]

    play(scene, shape=RUNS)
