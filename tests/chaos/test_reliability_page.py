"""docs/reliability.md shows the table that the code obeys, and nothing else."""

from __future__ import annotations

from pathlib import Path

from penstock.requests.lifecycle import TABLE, Arrival

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def rendered() -> str:
    """The lifecycle table as the page shows it."""
    lines = [
        "| state \\ message | " + " | ".join(Arrival) + " |",
        "| --- |" + " --- |" * len(Arrival),
    ]
    lines += [
        f"| **{state}** | " + " | ".join(row[arrival] for arrival in Arrival) + " |"
        for state, row in TABLE.items()
    ]
    return "\n".join(lines)


def test_the_page_shows_the_table_of_the_code() -> None:
    assert rendered() in _PAGE.read_text(encoding="utf-8"), f"docs/reliability.md must hold:\n{rendered()}"
