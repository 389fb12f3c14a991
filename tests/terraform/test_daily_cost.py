"""What the warehouse's view says that each model cost, run over results as the functions send them.

BigQuery is not to be had here: SQLite runs the view's own text, with the few functions of BigQuery's that it
lacks, and what takes an array apart written as it has it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.provider import Reply
from tests.chaos.similar_stage import judged_before
from tests.chaos.similar_stage import shape as similar_shape
from tests.chaos.stage import Stage, play
from tests.unit.cascades.test_story import BAD, CHEAP, DEAR, GOOD, MIDDLE, cascade, shape

VIEWS = Path(__file__).parents[2] / "terraform/modules/warehouse/views.tf"
_TAKEN_APART = re.compile(r"UNNEST\(JSON_QUERY_ARRAY\(data, ('[^']+')\)\) AS rung WITH OFFSET AS nth")


def _sql(name: str) -> str:
    text = VIEWS.read_text(encoding="utf-8")
    [found] = re.findall(rf"{name} = <<-EOT\n(.*?)\n +EOT", text, re.DOTALL)
    return str(found)


def _in_sqlite(sql: str) -> str:
    assert len(_TAKEN_APART.findall(sql)) == 2
    sql = sql.replace("nth, rung", "one.key AS nth, one.value AS rung")
    sql = _TAKEN_APART.sub(r"json_each(data, \1) AS one", sql)
    return sql.replace("${local.results_name}", "results").replace("COUNTIF(", "SUM(")


def _at(data: str, path: str) -> Any:
    found = json.loads(data)
    for name in path.removeprefix("$.").split("."):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return json.dumps(found)


def _value(data: str, path: str) -> Any:
    found = _at(data, path)
    told = None if found is None else json.loads(found)
    return None if told is None else str(told)


def _daily(results: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """By model: results, dollars, unpriced, tokens of prompts and of answers."""
    base = sqlite3.connect(":memory:")
    base.create_function("IF", 3, lambda met, yes, no: yes if met else no)
    base.create_function("JSON_QUERY", 2, _at)
    base.create_function("JSON_VALUE", 2, _value)
    names = (
        "tenant", "request_id", "redrive_count", "status", "model", "cache", "completed_at", "cost_usd",
        "saved_usd", "prompt_tokens", "completion_tokens", "data",
    )  # fmt: skip
    base.execute(f"CREATE TABLE results ({', '.join(names)})")
    for one in results:
        usage = one["usage"] or {}
        row = one | {
            "cost_usd": one["cost"]["usd"], "saved_usd": one["cost"]["saved_usd"], "data": json.dumps(one),
            "prompt_tokens": usage.get("prompt_tokens"), "completion_tokens": usage.get("completion_tokens"),
        }  # fmt: skip
        base.execute(f"INSERT INTO results VALUES ({', '.join('?' * len(names))})", [row[n] for n in names])
    rows = base.execute(_in_sqlite(_sql("daily_cost_sql")))
    found = {}
    for row in rows:
        told = dict(zip([each[0] for each in rows.description], row, strict=True))
        usd = None if told["cost_usd"] is None else pytest.approx(told["cost_usd"])
        tokens = (told["prompt_tokens"], told["completion_tokens"])
        found[told["model"]] = (told["results"], usd, told["unpriced"], *tokens)
    return found


def _named(result: Any) -> dict[str, Any]:
    """Every target's model by its own name: the simulated one has one for all."""
    named: dict[str, Any] = json.loads(json.dumps(result)) | {"model": result["target"]}
    return named | {"cascade": [rung | {"model": rung["target"]} for rung in named.get("cascade", [])]}


def test_each_model_of_a_cascade_cost_what_its_own_answer_did() -> None:
    results: list[dict[str, Any]] = []

    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        await stage.ask("r2", "another question")
        await stage.rest()
        results.extend([_named(await stage.result(name)) for name in ("r1", "r2")])

    play(scene, replies=[BAD, BAD, GOOD, GOOD], shape=shape(cascade(CHEAP, MIDDLE, DEAR)))
    # Ten tokens in and five out each: at 0.2 and 1.25, at 0.75 and 4.5 USD a million, and at gpt-6-sol's.
    found = _daily(results)
    whole = sum(result["cost"]["usd"] for result in results)
    assert {name: row[:1] + row[2:] for name, row in found.items()} == {
        "cheap": (1, 0, 20, 10),
        "middle": (0, 0, 10, 5),
        "dear": (1, 0, 10, 5),
    }
    assert found["cheap"][1] == 2 * 8.25e-6
    assert found["middle"][1] == 3e-5
    assert sum(row[1].expected for row in found.values()) == pytest.approx(whole)


def test_a_redrives_result_tells_of_the_same_refused_answer_and_it_costs_once() -> None:
    results: list[dict[str, Any]] = []

    async def scene(stage: Stage) -> None:
        await stage.ask("r1")
        await stage.rest()
        results.append(_named(await stage.result("r1")))
        await stage.redrive("r1", 1)
        await stage.rest()
        results.append(_named(await stage.result("r1")))

    replies = [BAD, Reply("broken"), *[Reply("broken")] * 5, GOOD]
    play(scene, replies=replies, shape=shape(), checked=False)
    assert [len(result["cascade"]) for result in results] == [1, 1]
    assert _daily(results)["cheap"][1:] == (8.25e-6, 0, 10, 5)


def test_what_was_asked_to_find_a_similar_answer_is_bought_of_its_own_models() -> None:
    results: list[dict[str, Any]] = []

    async def scene(stage: Stage) -> None:
        await judged_before(stage.world)
        for name, said in (("r1", "how do I reset my password please"), ("r2", "how do I reset my password")):
            await stage.ask(name, said, cache="similar")
            await stage.rest()
            results.append(_named(await stage.result(name)))

    play(scene, replies=[Reply(), Reply(grade="yes")], shape=similar_shape(verifier="verifier"))
    assert [result["cache"] for result in results] == ["miss", "similar"]
    found = _daily(results)
    assert found["a"][0] == 2
    assert found["a"][3:] == (10, 5)
    assert found["text-embedding-3-small"][1].expected > 0
    whole = sum(result["cost"]["usd"] for result in results)
    assert sum(row[1].expected for row in found.values()) == pytest.approx(whole)
