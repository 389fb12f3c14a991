"""A request as it was found, and what is wrong with it, in words that name the place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.strict_json import decode_object
from penstock_ops.asking.json_place import after_space, line_and_column, offset_of

#: The fields of a request, or bytes that are no JSON object.
Body = Mapping[str, Any] | bytes

#: The field that a sentence speaks of, as strict_json writes it.
_PATH = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Found:
    """One request, from the JSON `text[start:end]`; `text` begins in line `line`; empty: from no JSON."""

    body: Body
    name: str
    text: str = ""
    start: int = 0
    end: int = 0
    line: int = 1

    def too_large(self, fault: str) -> str:
        """A fault of its size, which is that of its whole line."""
        return f"{self._place(self._begin).partition(', column')[0]}: {fault}"

    def told(self, fault: str) -> str:
        """A fault of the request or of one field, with its place."""
        return f"{self._place(self._offset(fault))}: {fault}"

    def unreadable(self) -> str:
        """Why it is no JSON object that may be a request, with its place."""
        try:
            value = json.loads(self._json)
        except json.JSONDecodeError as error:
            return f"{self._place(self.start + error.pos)}: not JSON ({error.msg})."
        except (ValueError, RecursionError):
            value = {}
        if not isinstance(value, dict):
            return f'{self._place(self._begin)}: a request is a JSON object such as {{"prompt": "…"}}.'
        try:
            decode_object(self._json.encode())
        except BadMessage as error:
            return self.told(str(error))
        return ""

    @property
    def _json(self) -> str:
        return self.text[self.start : self.end]

    @property
    def _begin(self) -> int:
        return after_space(self.text, self.start)

    def _offset(self, fault: str) -> int:
        named = _PATH.search(fault)
        return offset_of(self.text, named[1], self.start) if named and self.text else self._begin

    def _place(self, offset: int) -> str:
        if not self.text:
            return self.name
        lines, column = line_and_column(self.text, offset)
        return f"{self.name}, line {self.line + lines - 1}, column {column}"


def object_in(text: str) -> Body:
    """The JSON object, read as strictly as the functions read it; else the bytes."""
    data = text.encode()
    try:
        return decode_object(data)
    except BadMessage:
        return data
