"""The pipelines that docs/runs.md shows are pipelines, and do what it says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from penstock_ops.running.pipeline_file import read_pipeline
from tests.chaos.checker import SECRET
from tests.chaos.run_stage import RUNS, outcome, rows
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS

_PAGE = Path(__file__).parents[3] / "docs" / "runs.md"
_SHOWN = re.findall(r"```yaml\n# (\S+)\n(.*?)```", _PAGE.read_text(), re.DOTALL)


def test_there_are_three() -> None:
    assert [name for name, _ in _SHOWN] == ["classify.yaml", "summarise.yaml", "extract.yaml"]


@pytest.mark.parametrize(("name", "text"), _SHOWN)
def test_each_is_taken_as_it_stands(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    _, definition = read_pipeline(tmp_path / name)
    assert definition.steps


#: What each is asked about, how many questions that is, and what its rows hold.
_ASKED: dict[str, tuple[list[dict[str, Any]], int, list[list[str]]]] = {
    "classify.yaml": (
        [{"id": f"T-{n}", "text": f"Where is my parcel? {SECRET}{n}"} for n in range(3)],
        3,
        [["id", "label", "text"]] * 3,
    ),
    # Each document is cut into two pieces, whose facts fit into one summary.
    "summarise.yaml": (
        [{"document": name, "text": f"{SECRET}{name} has clauses. " * 350} for name in ("a", "b")],
        6,
        [["count", "document", "text"]] * 2,
    ),
    "extract.yaml": (
        [{"text": f"Invoice {n} {SECRET}"} for n in range(2)],
        6,
        [["draft", "faults", "final", "text"]] * 2,
    ),
}


@pytest.mark.parametrize(("name", "text"), _SHOWN)
def test_each_makes_the_rows_that_the_page_tells_of(tmp_path: Path, name: str, text: str) -> None:
    items, questions, made = _ASKED[name]
    (tmp_path / name).write_text(text)
    said, _ = read_pipeline(tmp_path / name)

    async def scene(stage: Stage) -> None:
        body = json.dumps({"run_id": "r", "pipeline": said, "items": items}).encode()
        await stage.world.bus.publish(TOPICS.runs, body, {}, timeout_s=15)
        await stage.rest()
        assert await outcome(stage, "r") == ("succeeded", "")
        assert [sorted(row["item"]) for row in await rows(stage, "r")] == made
        assert stage.calls() == questions

    play(scene, shape=RUNS)
