"""Runs from their message to their manifest: what a client sees, through the topics' own doors."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.chaos.provider import Reply
from tests.chaos.run_stage import RUNS, ask, document, mapped, outcome, rows, start
from tests.chaos.stage import Stage, play


def test_a_map_asks_once_about_each_item() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "nightly", [{"id": n, "text": f"ticket {n}"} for n in range(5)])
        await stage.rest()
        assert await outcome(stage, "nightly") == ("succeeded", "")
        made = await rows(stage, "nightly")
        assert [row["id"] for row in made] == ["0", "1", "2", "3", "4"]
        assert all(row["item"]["text"].startswith("default|a|") for row in made)
        assert stage.calls() == 5

    play(scene, shape=RUNS)


def test_several_pages_are_emitted_as_there_is_room() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "big", [f"ticket {n}" for n in range(19)], max_in_flight=4)
        for _ in range(20):
            await asyncio.sleep(0.5)
            assert sum(call.answered_at is None for call in stage.world.ledger.calls) <= 4
        await stage.rest()
        assert await outcome(stage, "big") == ("succeeded", "")
        assert len(await rows(stage, "big")) == 19
        assert stage.calls() == 19

    play(scene, shape=RUNS)


def test_a_chain_asks_the_next_link_about_the_answer() -> None:
    step = {
        "id": "chain",
        "map": {"request": ask(), "as": "fact", "then": [{"request": ask("{{item.fact}}")}]},
    }

    async def scene(stage: Stage) -> None:
        await start(stage.world, "chain", ["a", "b", "c"], step)
        await stage.rest()
        assert await outcome(stage, "chain") == ("succeeded", "")
        made = await rows(stage, "chain")
        assert [sorted(row["item"]) for row in made] == [["fact", "text"]] * 3
        assert stage.calls() == 6

    play(scene, shape=RUNS)


def test_documents_are_split_asked_about_and_summed_up() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "cut", "split": {"field": "text", "max_tokens": 10}},
        mapped("facts"),
        {
            "id": "sum",
            "reduce": {"by": "document", "request": ask("{{inputs}}"), "max_input_tokens": 60},
        },
    ]

    async def scene(stage: Stage) -> None:
        items = [{"document": name, "text": f"{name} says a word. " * 20} for name in ("one", "other")]
        await start(stage.world, "sum", items, *steps)
        await stage.rest()
        assert await outcome(stage, "sum") == ("succeeded", "")
        facts, summed = await rows(stage, "sum", 1), await rows(stage, "sum")
        assert [row["item"]["document"] for row in summed] == ["one", "other"]
        assert sum(row["item"]["count"] for row in summed) == len(facts) > 10
        assert len((await document(stage, "sum"))["closed"]) > 3, "the tree has one level only"

    play(scene, shape=RUNS)


def test_a_failure_that_is_not_tolerated_ends_the_run_and_what_waits_is_not_paid() -> None:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "poison", [f"ticket {n}" for n in range(19)], max_in_flight=4)
        await stage.rest()
        assert await outcome(stage, "poison") == ("failed", "too_many_failures")
        [closed] = (await document(stage, "poison"))["closed"]
        assert (closed["ok"], closed["failed"], closed["pending"]) == (3, 1, 15)
        assert stage.calls() == 4

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.1)])


def test_tolerated_failures_are_left_out_of_the_next_step_or_handed_on() -> None:
    async def scene(stage: Stage) -> None:
        steps = [mapped("one", tolerated_failure_count=1), mapped("two")]
        await start(stage.world, "skip", ["a", "b", "c"], *steps)
        await stage.rest()
        assert await outcome(stage, "skip") == ("succeeded", "")
        assert len(await rows(stage, "skip")) == 2
        steps = [
            mapped("one", tolerated_failure_count=3, failed_items="include_error"),
            {"id": "two", "map": {"request": ask("{{item.error.reason}}")}},
        ]
        await start(stage.world, "hand", [{"a": 1}], *steps)
        await stage.rest()
        assert await outcome(stage, "hand") == ("succeeded", "")
        [row] = await rows(stage, "hand", 0)
        assert row["error"]["reason"] == "template_error"
        assert "item.text is missing" in row["error"]["message"]
        assert len(await rows(stage, "hand")) == 1

    play(scene, shape=RUNS, replies=[Reply("rejected", 0.1)])
