"""A span: one step of a request's life, as a collector of traces is told of it; and where it hangs.

Identities are W3C Trace Context's (https://www.w3.org/TR/trace-context/): 16 and 8 bytes in lower-case hex.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Kind = Literal["internal", "client", "producer", "consumer"]
Value = str | bool | int | float | Sequence[str]

#: Version 00 of the header; a later version may append fields, and begins alike.
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Context:
    """Which span of which trace."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """To a span that is no parent, and what it is to ours."""

    context: Context
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step with its own times. `error` is what went wrong; None: nothing did."""

    name: str
    kind: Kind
    context: Context
    parent: Context | None
    start: datetime
    end: datetime
    attributes: Mapping[str, Value]
    links: Sequence[Link] = field(default=())
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TraceParent:
    """Whose step a message is, and whether its sender keeps the trace."""

    context: Context
    sampled: bool


def parse_traceparent(text: str | None) -> TraceParent | None:
    """None for what is no traceparent: such a message begins a trace of its own."""
    match = _TRACEPARENT.fullmatch(text or "")
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    empty = not int(trace_id, 16) or not int(span_id, 16)
    if version == "ff" or empty or (version == "00" and more):
        return None
    return TraceParent(Context(trace_id, span_id), bool(int(flags, 16) & 1))
