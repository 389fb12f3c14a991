"""The pipelines that docs/runs.md shows are pipelines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock_ops.running.pipeline_file import read_pipeline

_PAGE = Path(__file__).parents[3] / "docs" / "runs.md"
_SHOWN = re.findall(r"```yaml\n# (\S+)\n(.*?)```", _PAGE.read_text(), re.DOTALL)


def test_there_are_three() -> None:
    assert [name for name, _ in _SHOWN] == ["classify.yaml", "summarise.yaml", "extract.yaml"]


@pytest.mark.parametrize(("name", "text"), _SHOWN)
def test_each_is_taken_as_it_stands(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    _, definition = read_pipeline(tmp_path / name)
    assert definition.steps
