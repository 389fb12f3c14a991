"""Cut a long text into pieces by estimated tokens, at the best border that is near."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.money.estimate import BYTES_PER_TOKEN
from penstock.runs.definition import Split

#: Where a piece rather ends, the best first: a paragraph, a line, a sentence, a word.
_BORDERS: Final = ("\n\n", "\n", ". ", " ")


def split_item(item: Mapping[str, Any], how: Split) -> list[dict[str, Any]]:
    """The item once for each piece of its text, with `chunk`: its number, of how many, and its neighbours.

    Raises ValueError (one sentence) where the item has no such text.
    """
    text = item.get(how.field)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"The field {how.field} is missing, empty or not a text.")
    cut = pieces(text, how.max_tokens, how.overlap)
    return [{**item, how.field: piece, "chunk": _chunk(cut, number, how)} for number, piece in enumerate(cut)]


def pieces(text: str, max_tokens: int, overlap: int) -> list[str]:
    """`text` in pieces of at most `max_tokens`; after its overlap each goes on where the one before ended."""
    cut, start, end = [], 0, 0
    while end < len(text):
        end = _end(text, start, max_tokens * BYTES_PER_TOKEN, end)
        cut.append(text[start:end])
        # An overlap never reaches back to the start of its own piece: every piece brings something new.
        start = max(start + 1, end - _back(text[start:end], overlap * BYTES_PER_TOKEN))
    return cut


def _chunk(cut: list[str], number: int, how: Split) -> dict[str, Any]:
    """What a piece knows of its place."""
    return {
        "index": number,
        "of": len(cut),
        "previous": "".join(cut[max(0, number - how.previous) : number]),
        "next": "".join(cut[number + 1 : number + 1 + how.next]),
    }


def _end(text: str, start: int, limit: int, least: int) -> int:
    """Where the piece from `start` ends: as far as `limit` bytes reach, back to a border in their last half
    that lies behind `least`."""
    furthest = start + _reach(text[start : start + limit], limit)
    if furthest == len(text):
        return furthest
    first = max(least, start + (furthest - start) // 2)
    for border in _BORDERS:
        found = text.rfind(border, first, furthest)
        if found >= 0:
            return found + len(border)
    return furthest


def _reach(text: str, limit: int) -> int:
    """How many characters `limit` bytes of UTF-8 hold whole; at least one."""
    if text.isascii():
        return len(text)
    return max(1, len(text.encode()[:limit].decode(errors="ignore")))


def _back(piece: str, limit: int) -> int:
    """How many characters the last `limit` bytes hold whole."""
    return len(piece.encode()[-limit:].decode(errors="ignore")) if limit else 0
