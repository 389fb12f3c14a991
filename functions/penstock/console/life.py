"""A request's life: one line of time from its publish to its confirmation, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from penstock.callbacks.owing import of_request
from penstock.callbacks.record import Callback
from penstock.callbacks.record import State as Delivery
from penstock.console.asked import Asked, checked
from penstock.console.page import Page, Wrong, drawn
from penstock.console.rows import row
from penstock.errors import BadMessage
from penstock.messages.hold import OPEN
from penstock.messages.request import TENANT_LIMIT
from penstock.money.limits import NANO
from penstock.paths import request_path
from penstock.requests.record import Record
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Event:
    """A step. `left` and `wide` place it on the line of time, in per cent."""

    what: str
    at: datetime
    ms: int
    why: str
    kind: str
    left: float = 0.0
    wide: float = 0.0


async def life(s: Services, asked: Asked, tenant: str, request_id: str) -> Page:
    """Raises Wrong, StoreError, BlobError."""
    path = request_path(checked("tenant", tenant, TENANT_LIMIT), checked("id", request_id))
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    if not found.exists:
        raise Wrong(404, f"Tenant {tenant} has no request {request_id}.")
    try:
        record = Record.decode(found.fields or {})
    except BadMessage as error:
        raise Wrong(404, str(error)) from None
    told = await _callback(s, record)
    shown = asked.query.get("show", "")
    if shown not in ("", "payload", "answer"):
        raise Wrong(400, "show may be payload or answer.")
    if shown:
        asked.to_act()
    return drawn(
        "life.html",
        asked=asked,
        one=row(record),
        record=record,
        result=record.result,
        events=_placed([*_events(record), *_of_callback(told)], s.clock.now()),
        told=told,
        held_usd=sum(hold.nano for hold in record.holds or () if hold.outcome == OPEN) / NANO,
        leader=(record.leader or "").split("/")[1::2],
        shown=shown,
        content=await _content(s, record, shown) if shown else "",
    )


def _events(record: Record) -> list[Event]:
    queued = round((record.created_at - record.published_at).total_seconds() * 1000)
    events = [Event("published", record.published_at, max(0, queued), "until it was claimed", "wait")]
    events += _of_lane(record)
    for line in record.attempts:
        why = line.message + (f" Asked {line.asked} times." if line.asked > 1 else "")
        kind = "good" if line.outcome == "ok" else "bad"
        events.append(Event(f"{line.target}: {line.outcome}", line.at, record.took_ms(line), why, kind))
    if record.result is not None:
        completed_at = datetime.fromisoformat(record.result["completed_at"])
        error = record.result["error"]
        what = f"result: {record.result['status']}"
        events.append(
            Event(what, completed_at, 0, error["message"] if error else "", "bad" if error else "good")
        )
    elif record.not_before is not None:
        events.append(Event("put aside until", record.not_before, 0, "", "wait"))
    if record.confirmed_at is not None:
        events.append(Event("confirmed", record.confirmed_at, 0, "The response topic carried it.", "good"))
    return events


def _of_lane(record: Record) -> list[Event]:
    """When its route chose for it, and until when the lane that waits had it."""
    plan = record.plan
    if plan is None:
        return []
    events = [Event(f"planned: lane {plan.lane}", plan.at, 0, "", "wait")]
    ended = datetime.fromisoformat(record.result["completed_at"]) if record.result else None
    if plan.escalate_at is not None and (ended is None or plan.escalate_at < ended):
        why = "From here on it is asked at once, at list price."
        events.append(Event("leaves its lane", plan.escalate_at, 0, why, "wait"))
    return events


async def _callback(s: Services, record: Record) -> Callback | None:
    """Whoever was to be told of its end, and what came of that."""
    owed = of_request(s, record)
    if owed is None:
        return None
    [found] = await s.store.read([owed.path], timeout_s=s.timing.read_s)
    try:
        return Callback.decode(found.fields) if found.fields is not None else None
    except BadMessage:
        return None


def _of_callback(told: Callback | None) -> list[Event]:
    if told is None:
        return []
    to = told.to.endpoint or "a workflow"
    delivered = told.finished_at if told.state is Delivery.DELIVERED else None
    events = [
        Event(f"callback to {to}: tried", one.at, 0, one.outcome, "good" if delivered else "bad")
        for one in told.attempts
    ]
    if told.finished_at is not None:
        kind = "good" if delivered else "bad"
        events.append(Event(f"callback to {to}: {told.state.value}", told.finished_at, 0, "", kind))
    return events


def _placed(unsorted: Sequence[Event], now: datetime) -> list[Event]:
    events = sorted(unsorted, key=lambda event: event.at)
    start = events[0].at
    end = max(event.at + timedelta(milliseconds=event.ms) for event in events)
    whole = max((end - start).total_seconds(), 0.001)
    return [
        Event(
            event.what, event.at, event.ms, event.why, event.kind,
            left=round((event.at - start).total_seconds() / whole * 99, 2),
            wide=max(0.6, round(event.ms / 10 / whole, 2)),
        )
        for event in events
    ]  # fmt: skip


async def _content(s: Services, record: Record, shown: str) -> str:
    """What was asked or answered, as text."""
    if shown == "payload":
        data = record.payload or b""
        if record.payload_ref is not None:
            data = await s.blobs.get(record.payload_ref, timeout_s=s.timing.blob_s)
        return data.decode(errors="replace")
    result: Any = record.result or {}
    if ref := result.get("completion_ref"):
        return f"It lies in the bucket: {ref['uri']}"
    return json.dumps(result.get("completion"), indent=2, ensure_ascii=False)
