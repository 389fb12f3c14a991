"""The book's file: its models compared with what is published, and written anew; everything else stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from penstock_ops.terminal.faults import OperatorFault

_BEGIN, _END = '  "models": {\n', '\n  },\n  "rates"'


class Unequal(NamedTuple):
    """A place of the file at which the two say different things; None: it is not there."""

    place: str
    book: Any
    published: Any


def read_book(path: Path) -> dict[str, Any]:
    """The file as data, numbers as the digits that are written. Raises OperatorFault."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    except (OSError, ValueError):
        book = None
    if not isinstance(book, dict) or not {"as_of", "models"} <= book.keys():
        raise OperatorFault(f"{path} cannot be read as a price book.")
    return book


def day_of(book: Mapping[str, Any]) -> date:
    """The day that the book says its prices are of."""
    return date.fromisoformat(book["as_of"])


def unequal(book: Mapping[str, Any], published: Mapping[str, Any]) -> list[Unequal]:
    """Every place at which they differ, to the digit; 0.10 and 0.1 are one number."""
    ours, theirs = dict(_leaves(book)), dict(_leaves(published))
    places = sorted(ours.keys() | theirs.keys())
    pairs = [Unequal(place, ours.get(place), theirs.get(place)) for place in places]
    return [pair for pair in pairs if pair.book != pair.published]


def _leaves(value: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        where = f"{place}{name}"
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{where} › ")
        else:
            yield where, inner


def write_models(path: Path, models: Mapping[str, Any]) -> None:
    """Put `models` in the place of the file's. Raises OperatorFault where the file has no such place."""
    text = path.read_text(encoding="utf-8")
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise OperatorFault(f"{path} has no models before its rates: nothing was written.")
    lines = [f"    {json.dumps(name)}: {_spelled(entry, 6)}" for name, entry in models.items()]
    path.write_text(head + begin + ",\n".join(lines) + end + tail, encoding="utf-8")


def _spelled(value: Any, indent: int) -> str:
    """JSON: numbers as their digits, an object of plain values on one line."""
    if not isinstance(value, Mapping):
        return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
    if not any(isinstance(inner, Mapping) for inner in value.values()):
        return "{" + ", ".join(f"{json.dumps(name)}: {_spelled(v, 0)}" for name, v in value.items()) + "}"
    lines = [f"{' ' * indent}{json.dumps(name)}: {_spelled(v, indent + 2)}" for name, v in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * (indent - 2) + "}"
