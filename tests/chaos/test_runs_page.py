"""docs/runs.md shows the tables that the code obeys."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from penstock.runs.lifecycle import TABLE
from penstock.runs.page_lifecycle import PAGE_TABLE

PAGE = Path(__file__).parents[2] / "docs" / "runs.md"


def shown(table: Mapping[Any, Mapping[Any, StrEnum]]) -> str:
    """A table as the page has it."""
    messages = list(next(iter(table.values())))
    lines = [f"| state \\ message | {' | '.join(messages)} |", "|" + " --- |" * (len(messages) + 1)]
    for state, row in table.items():
        lines.append(f"| **{state}** | {' | '.join(row[message] for message in messages)} |")
    return "\n".join(lines)


def test_the_page_shows_the_tables_of_the_code() -> None:
    text = PAGE.read_text()
    assert shown(TABLE) in text
    assert shown(PAGE_TABLE) in text
