"""Rows: what goes from step to step, one JSON object a line, in parts of a page each.

A row is an item with its id and what became of it. Parts are blobs with names and bytes of their own: whoever
writes one again writes the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.strict_json import canonical, decode_object, encodable

#: Rows of one page at most, and what makes a part shorter than that: bytes.
PAGE_ROWS: Final = 200
PART_BYTES: Final = 4 * 1024 * 1024
#: One item as a line.
LINE_LIMIT: Final = 256 * 1024
ID_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class Row:
    """`error` is {"reason", "message"} of the step where it failed; `member` the request that gave the
    outcome. `settled`: it needs no request."""

    id: str
    item: Mapping[str, Any]
    error: Mapping[str, str] | None = None
    member: str | None = None
    settled: bool = False

    def encode(self) -> bytes:
        row: dict[str, Any] = {"id": self.id, "item": dict(self.item)}
        if self.error is not None:
            row["error"] = dict(self.error)
        if self.member is not None:
            row["request_id"] = self.member
        if self.settled:
            row["settled"] = True
        return canonical(row) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Row:
        row = json.loads(line)
        settled = row.get("settled", False)
        return cls(row["id"], row["item"], row.get("error"), row.get("request_id"), settled)

    def with_answer(self, field: str, answer: Any) -> Row:
        return Row(self.id, {**self.item, field: answer}, None, self.member)

    def settled_now(self) -> Row:
        return Row(self.id, self.item, self.error, self.member, True)

    def going_on(self) -> Row:
        """The same as an item of the next step, which may name the error in its templates."""
        item = self.item if self.error is None else {**self.item, "error": dict(self.error)}
        return Row(self.id, item)


def row_of(item: Any, number: int) -> Row:
    """The row of an item as it was given: an object, or a text, which becomes the field `text`.

    Its id is its own field `id`, else its number. Raises BadMessage.
    """
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, dict) or not item:
        raise BadMessage(f"`items[{number}]` must be an object with fields, or a text.")
    return Row(_id(item.get("id", number), number), item)


def rows_in(data: bytes) -> list[Row]:
    """The rows of a part."""
    return [Row.decode(line) for line in data.splitlines()]


def item_in(line: bytes, number: int) -> Row:
    """The row of one line of a file of items. Raises BadMessage."""
    if len(line) > LINE_LIMIT:
        raise BadMessage(f"Line {number + 1} of the items has over {LINE_LIMIT} bytes: split the item.")
    try:
        # decode_object speaks of a message, and takes no bare text.
        item = json.loads(line) if line.startswith(b'"') else decode_object(line)
        if isinstance(item, str) and not encodable(item):
            raise ValueError
    except ValueError:
        raise BadMessage(f"Line {number + 1} of the items is no JSON object or text.") from None
    except BadMessage as error:
        raise BadMessage(f"Line {number + 1} of the items: {error}") from None
    return row_of(item, number)


class Cutter:
    """Cuts rows that stream by into parts of a page."""

    def __init__(self, page_rows: int = PAGE_ROWS) -> None:
        self._page_rows = page_rows
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, row: Row) -> tuple[bytes, int] | None:
        """The part that `row` has no room in any more, with its number of rows."""
        line = row.encode()
        full = len(self._lines) == self._page_rows or self._size + len(line) > PART_BYTES
        part = self.rest() if full else None
        self._lines.append(line)
        self._size += len(line)
        return part

    def rest(self) -> tuple[bytes, int] | None:
        """What was not handed out yet; None: nothing."""
        lines, self._lines, self._size = self._lines, [], 0
        return (b"".join(lines), len(lines)) if lines else None


def parts_of(rows: Iterable[Row], page_rows: int = PAGE_ROWS) -> Iterator[tuple[bytes, int]]:
    """The rows in parts, each with how many there are in it."""
    cutter = Cutter(page_rows)
    for row in rows:
        if (part := cutter.add(row)) is not None:
            yield part
    if (part := cutter.rest()) is not None:
        yield part


def _id(given: Any, number: int) -> str:
    text = given if isinstance(given, str) else str(given) if type(given) is int else ""
    if not 0 < len(text) <= ID_LIMIT:
        raise BadMessage(f"`items[{number}].id` must be 1 to {ID_LIMIT} characters, or a whole number.")
    return text
