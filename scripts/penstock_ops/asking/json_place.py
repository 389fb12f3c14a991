"""Where in a JSON text something stands, so that a person finds it in an editor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Member:
    """Of an object or a list: its name or number, where it begins, and where its value lies."""

    name: str | int
    start: int
    value: int
    end: int


def offset_of(text: str, path: str, start: int = 0) -> int:
    """Where the member begins that `path` (`messages[0].content`) names, or the last one on the way there.

    The JSON begins at `start`; what is not there at all begins where it does.
    """
    at = found = after_space(text, start)
    for step in _STEP.finditer(path):
        wanted: str | int = int(step[1]) if step[1] else step[2]
        member = next((one for one in members(text, at) if one.name == wanted), None)
        if member is None:
            return found
        found, at = member.start, member.value
    return found


def members(text: str, at: int) -> Iterator[Member]:
    """Of the object or list that begins at `at`; of anything else none. The text must be JSON."""
    if text[at] not in "{[":
        return
    is_object, number, at = text[at] == "{", 0, after_space(text, at + 1)
    while text[at] not in "}]":
        start = at
        name: str | int = number
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = after_space(text, after_space(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        yield Member(name, start, at, end)
        number, at = number + 1, after_space(text, end)
        if text[at] == ",":
            at = after_space(text, at + 1)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both counted from 1, in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def after_space(text: str, at: int) -> int:
    """Where the next character of JSON stands, from `at` on."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
