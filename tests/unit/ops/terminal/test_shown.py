"""Texts of others on a terminal: one place makes them harmless, and nothing goes around it."""

from __future__ import annotations

import io
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from penstock_ops.terminal.shown import printable, shown, spelled_in_json

OPS = Path(__file__).parents[4] / "scripts" / "penstock_ops"


@given(st.text())
def test_nothing_printable_is_an_order(text: str) -> None:
    """Whatever the text. I expect only line feeds and tabs of all control characters, and the same twice."""
    made = printable(text)

    assert not [
        sign for sign in made if (ord(sign) < 0x20 and sign not in "\n\t") or 0x7F <= ord(sign) < 0xA0
    ]
    assert printable(made) == made


@given(st.text(st.characters(exclude_characters="\t")))  # of which rich makes spaces
def test_markup_shows_what_was_written(text: str) -> None:
    """Whatever the text, brackets, colons and backslashes included. I expect rich to print it as it is."""
    held = io.StringIO()
    console = Console(file=held, emoji=False, highlight=False, soft_wrap=True, width=10**6)
    console.print(f"[bold]{shown(text)}[/bold]")

    assert held.getvalue() == printable(text) + "\n"


@given(st.text())
def test_json_stays_equal(text: str) -> None:
    assert json.loads(spelled_in_json(json.dumps(text, ensure_ascii=False))) == text


def test_no_verb_escapes_markup_by_itself() -> None:
    """I expect rich's own escape in one file alone: it leaves the orders in."""
    by_hand = [
        file.relative_to(OPS).as_posix()
        for room in ("asking", "local", "processes", "redriving", "terminal", "upkeep")
        for file in (OPS / room).rglob("*.py")
        if "rich.markup" in file.read_text()
    ]
    assert by_hand == ["terminal/shown.py"]
