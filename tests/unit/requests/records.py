"""Records for the tests of the rules: one plain request, changed where a test needs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.requests.record import Record, State

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def record(state: State = State.LEASED, **fields: Any) -> Record:
    plain: dict[str, Any] = {
        "tenant": "t",
        "request_id": "r",
        "state": state,
        "fence": 3,
        "write_id": "w",
        "deadline": after(3600),
        "message_id": "m1",
        "published_at": NOW,
        "created_at": NOW,
        "payload": b"{}",
        "payload_sha256": "aa",
    }
    if state is State.LEASED:
        plain |= {"owner": "o", "lease_until": after(60)}
    return Record(**plain | fields)


def completed(**fields: Any) -> Record:
    return record(State.TERMINAL, result={"status": "completed", "error": None}, **fields)


def failed(reason: str = "internal", **fields: Any) -> Record:
    return record(State.TERMINAL, result={"status": "failed", "error": {"reason": reason}}, **fields)
