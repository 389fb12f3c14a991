"""docs/design.md as tests read it: its sections, and its tables as rows by column."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design.md"

Row = dict[str, str]


def sections() -> set[str]:
    """The numbers of the headings, such as 3 and 3.4."""
    return set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", PAGE.read_text(), re.MULTILINE))


def table(first_column: str) -> list[Row]:
    """The rows of the one table whose first column is called so."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(), re.MULTILINE)
    [found] = [lines for lines in map(_cells, blocks) if lines[0][0] == first_column]
    head, _, *rows = found
    return [dict(zip(head, row, strict=True)) for row in rows]


def _cells(block: str) -> list[list[str]]:
    return [
        [cell.replace("`", "").strip() for cell in line.strip("|\n").split("|")]
        for line in block.splitlines()
    ]


def pattern(path: str) -> re.Pattern[str]:
    """What a path of the table stands for: `{…}` is one segment, or a part of one."""
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


def collection(path: str) -> str:
    return path.split("/")[-2]
