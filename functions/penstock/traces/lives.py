"""Which span is which: the identity of a request's life, told by the record alone.

Worked out, not drawn by lot: whoever builds the span of a life twice builds the same one, and what happens
later can link to it without reading it anywhere.
"""

from __future__ import annotations

import hashlib

from penstock.messages.span import Context, parse_traceparent
from penstock.requests.record import Record


def life_of(record: Record, redrive_count: int | None = None) -> Context:
    """The span of the record's life, or of the one that it had under `redrive_count`."""
    count = record.redrive_count if redrive_count is None else redrive_count
    parent = parse_traceparent(record.traceparent)
    trace_id = parent.context.trace_id if parent else _digest(record, "trace")[:32]
    return Context(trace_id, _digest(record, f"life {count}")[:16])


def step_of(record: Record, name: str) -> Context:
    """The span of one step of that life; `name` tells it from the others."""
    life = life_of(record)
    return Context(life.trace_id, _digest(record, f"life {record.redrive_count} {name}")[:16])


def _digest(record: Record, what: str) -> str:
    text = f"{record.path} {record.created_at.isoformat()} {what}"
    return hashlib.sha256(text.encode()).hexdigest()
