"""A request in one line of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from penstock.requests.record import Record, State


@dataclass(frozen=True, slots=True)
class Row:
    """What a table shows of a request."""

    tenant: str
    request_id: str
    state: str
    #: Why it failed, or what it waits for.
    why: str
    target: str
    cache: str
    calls: int
    usd: float | None
    published_at: datetime
    lane: str = ""
    #: The run that asked.
    run: str = ""


def row(record: Record) -> Row:
    result = record.result or {}
    last = record.attempts[-1].target if record.attempts else ""
    return Row(
        tenant=record.tenant,
        request_id=record.request_id,
        state=state_of(record),
        why=reason_of(record) or _waits_for(record),
        target=result.get("target") or last,
        cache=result.get("cache") or "",
        calls=record.calls,
        usd=result["cost"]["usd"] if result else 0.0,
        published_at=record.published_at,
        lane=record.plan.lane if record.plan else result.get("lane") or "",
        run=record.parent.run if record.parent else "",
    )


def state_of(record: Record) -> str:
    """The document's state; of what has ended, how."""
    if record.state is not State.TERMINAL:
        return record.state.value
    return str((record.result or {}).get("status", "terminal"))


def reason_of(record: Record) -> str:
    error = (record.result or {}).get("error")
    return str(error["reason"]) if error else ""


def _waits_for(record: Record) -> str:
    if record.state is State.TERMINAL:
        return "" if record.confirmed_at else "waits to be confirmed"
    told = record.last_answer
    return told.message if told else record.not_asked
