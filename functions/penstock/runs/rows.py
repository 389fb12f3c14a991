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

#: Rows of one page, and what makes a part shorter than that: bytes.
PAGE_ROWS: Final = 200
PART_BYTES: Final = 4 * 1024 * 1024
#: One item as a line.
LINE_LIMIT: Final = 256 * 1024
ID_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class Row:
    """`error` is {"reason", "message"} of the step where it failed; `member` the request that gave the
    outcome."""

    id: str
    item: Mapping[str, Any]
    error: Mapping[str, str] | None = None
    member: str | None = None

    def encode(self) -> bytes:
        row: dict[str, Any] = {"id": self.id, "item": dict(self.item)}
        if self.error is not None:
            row["error"] = dict(self.error)
        if self.member is not None:
            row["request_id"] = self.member
        return canonical(row) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Row:
        row = json.loads(line)
        return cls(row["id"], row["item"], row.get("error"), row.get("request_id"))

    def with_answer(self, field: str, answer: Any) -> Row:
        return Row(self.id, {**self.item, field: answer}, None, self.member)

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


def parts_of(rows: Iterable[Row]) -> Iterator[tuple[bytes, int]]:
    """The rows in parts, each with how many there are in it."""
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = row.encode()
        if lines and (len(lines) == PAGE_ROWS or size + len(line) > PART_BYTES):
            yield b"".join(lines), len(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines), len(lines)


def _id(given: Any, number: int) -> str:
    text = given if isinstance(given, str) else str(given) if type(given) is int else ""
    if not 0 < len(text) <= ID_LIMIT:
        raise BadMessage(f"`items[{number}].id` must be 1 to {ID_LIMIT} characters, or a whole number.")
    return text
