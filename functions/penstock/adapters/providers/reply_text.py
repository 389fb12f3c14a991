"""From a reply's bytes to what its JSON says, in whatever wrapping it came.

A paid answer is not thrown away for a byte-order mark, a stray byte, a stream's end behind it, or for being
a whole stream although none was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from penstock.adapters.providers.stream_reply import CutShort, joined

#: Control characters inside strings are taken as they are: several servers do not escape them.
_DECODER = json.JSONDecoder(strict=False)
_LINE_END = re.compile(r"\r\n|\n|\r")
#: What may stand before a value or between two of them: white space, byte-order marks, the separators of
#: JSON text sequences (RFC 7464), a stream's comments.
_BETWEEN = re.compile(r"(?:[\s\ufeff\x00\x1e]|:[^\n]*\n)*")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]+)", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"[\s\xef\xbb\xbf]*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)


def decoded(data: bytes, content_type: str | None = None) -> Any:
    """What the JSON says. None, which is neither completion nor error, for what is no JSON: json's own error
    would carry the text along."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _unwrapped(_text(data, content_type))


def holds_an_answer(data: bytes) -> bool:
    """Whether a reply that broke off is whole all the same: its JSON, or its stream, has come to its end."""
    body = decoded(data)
    return isinstance(body, Mapping) and bool(body.get("choices")) and not isinstance(body, CutShort)


def is_web_page(data: bytes) -> bool:
    """Whether a person with a browser was meant."""
    return _WEB_PAGE.match(data) is not None


def _text(data: bytes, content_type: str | None) -> str:
    """The bytes as text; what is no character of their encoding becomes U+FFFD."""
    encoding = json.detect_encoding(data)
    for name in (encoding, _charset(content_type)):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode(encoding, "replace")


def _charset(content_type: str | None) -> str:
    named = _CHARSET.search(content_type or "")
    return named.group(1) if named else "utf-8"


def _unwrapped(text: str) -> Any:
    """The value in a stream of events, or the first of those that stand one behind the other."""
    events, ended = _events(text)
    if events:
        return joined([value for event in events for value in _values(event)], ended=ended)
    values = _values(text)
    return joined(values, ended=False) if values else None


def _events(text: str) -> tuple[list[str], bool]:
    """The data of each event of an SSE stream (WHATWG HTML, 9.2), and whether its end mark came."""
    events: list[str] = []
    lines: list[str] = []
    for line in _LINE_END.split(text):
        if line.lstrip("\ufeff").startswith("data:"):
            lines.append(line.partition(":")[2].removeprefix(" "))
        elif not line and lines:
            events.append("\n".join(lines))
            lines = []
    if lines:
        events.append("\n".join(lines))
    found = [event for event in events if event.strip() != "[DONE]"]
    return found, len(found) < len(events)


def _values(text: str) -> list[Any]:
    """The JSON values that a text begins with; what follows the last of them is not looked at."""
    values: list[Any] = []
    at = 0
    while True:
        match = _BETWEEN.match(text, at)
        try:
            value, at = _DECODER.raw_decode(text, match.end() if match else at)
        except (ValueError, RecursionError):
            return values
        values.append(value)
