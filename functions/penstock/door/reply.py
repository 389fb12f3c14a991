"""What the door says: a status, headers and bytes, whole or as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.door.wrong import AUTH, Wrong

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"

#: The longest `retry-after` that OpenAI's clients heed, in seconds.
_LONGEST_AGAIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` as a stream is what is not at hand yet, or too long to be."""

    status: int
    body: bytes | AsyncIterator[bytes]
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_usual(self, headers: Mapping[str, str]) -> Reply:
        """The same with `headers`, where it does not say them itself."""
        return Reply(self.status, self.body, self.kind, {**headers, **self.headers})


def said(value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Reply:
    """A JSON value."""
    return Reply(status, encoded(value), JSON, headers or {})


def refused(wrong: Wrong) -> Reply:
    """The error envelope, with the signals that OpenAI's clients heed."""
    headers = dict(wrong.headers)
    if wrong.final:
        headers["x-should-retry"] = "false"
    if wrong.again_s is not None:
        wait_s = min(wrong.again_s, _LONGEST_AGAIN_S)
        headers |= {"retry-after-ms": str(round(wait_s * 1000)), "retry-after": str(max(1, round(wait_s)))}
    if wrong.kind == AUTH:
        headers["www-authenticate"] = "Bearer"
    return said(envelope(wrong), headers, wrong.status)


def envelope(wrong: Wrong) -> dict[str, Any]:
    error = {"message": str(wrong), "type": wrong.kind, "param": wrong.param, "code": wrong.code}
    return {"error": error}


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: Any, name: str | None = None) -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encoded(value) + b"\n\n"
