"""The spans of one life of a request, built when it is over from what the record's ledger says.

Nothing that was asked or answered is among it: ids, models, counts, times, money, the failures' sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from penstock.messages.span import Context, Link, Span, Value, parse_traceparent
from penstock.requests.life import began
from penstock.requests.record import NOT_CALLED, Attempt, Record
from penstock.services import Services
from penstock.targets.routes import Target
from penstock.traces import names
from penstock.traces.lives import life_of, step_of


def spans_of(s: Services, record: Record, why: str, leader: Record | None) -> list[Span]:
    """The life of a confirmed `record`, kept because of `why`; `leader`: whose outcome it took, if known."""
    return [
        _life(s, record, why, leader),
        *_queue(s, record),
        *_calls(s, record),
        _send(s, record),
    ]


def _life(s: Services, record: Record, why: str, leader: Record | None) -> Span:
    result, parent = record.result or {}, parse_traceparent(record.traceparent)
    attributes = {
        **_messaging("process", s.topics.request),
        names.MESSAGE_ID: record.message_id,
        names.TENANT: record.tenant,
        names.REQUEST_ID: record.request_id,
        names.REDRIVE_COUNT: record.redrive_count,
        names.STATUS: result["status"],
        names.CACHE: result["cache"],
        names.CALLS: result["attempts"],
        names.KEPT: why,
        **_known({names.TARGET: result["target"], names.ERROR_TYPE: _reason(result)}),
        **_money(result),
    }
    return Span(
        name=f"process {s.topics.request}",
        kind="consumer",
        context=life_of(record),
        parent=parent.context if parent else None,
        start=began(record),
        end=_ended(record),
        attributes=attributes,
        links=_links_of_life(record, leader),
        error=result["error"]["message"] if result["error"] else None,
    )


def _links_of_life(record: Record, leader: Record | None) -> list[Link]:
    links = []
    if leader is not None:
        links.append(Link(life_of(leader), {names.LINK: "leader"}))
    if record.redrive_count > 0:
        links.append(Link(life_of(record, record.redrive_count - 1), {names.LINK: "redriven"}))
    return links


def _queue(s: Services, record: Record) -> list[Span]:
    """From the publish to the claim; of a redrive no document knows it."""
    if record.redrive_count > 0 or record.created_at <= record.published_at:
        return []
    span = Span(
        name=f"queue {s.topics.request}",
        kind="internal",
        context=step_of(record, "queue"),
        parent=life_of(record),
        start=record.published_at,
        end=record.created_at,
        attributes={},
    )
    return [span]


def _calls(s: Services, record: Record) -> list[Span]:
    """Each line of the ledger whose call may have started, in this life."""
    start = began(record)
    made = [line for line in record.attempts if line.outcome != NOT_CALLED and line.at >= start]
    before: Sequence[Attempt | None] = [None, *made]
    return [_call(s, record, number, line, before[number]) for number, line in enumerate(made)]


def _call(s: Services, record: Record, number: int, line: Attempt, before: Attempt | None) -> Span:
    target = s.routes.targets.get(line.target)
    answered = line.outcome == "ok"
    attributes: dict[str, Value] = {
        names.OPERATION: names.CHAT,
        names.TARGET: line.target,
        names.FENCE: line.fence,
        names.OUTCOME: line.outcome,
        names.ASKED: line.asked,
        **(_of_target(target) if target else {}),
        **(_of_answer(record.result or {}) if answered else {names.ERROR_TYPE: line.outcome}),
    }
    links = []
    if before is not None and before.fence != line.fence:
        # Another delivery, which a wake brought: the one before is what it goes on from.
        links.append(Link(_context(record, number - 1, before), {names.LINK: "wake"}))
    return Span(
        name=f"{names.CHAT} {target.model}" if target else names.CHAT,
        kind="client",
        context=_context(record, number, line),
        parent=life_of(record),
        start=line.at,
        end=line.at + timedelta(milliseconds=record.took_ms(line)),
        attributes=attributes,
        links=links,
        error=None if answered else line.message or line.outcome,
    )


def _context(record: Record, number: int, line: Attempt) -> Context:
    return step_of(record, f"call {number} {line.at.isoformat()}")


def _of_target(target: Target) -> dict[str, Value]:
    address = urlsplit(target.base_url or "")
    known = _known({names.SERVER: address.hostname, names.PORT: address.port})
    return {names.PROVIDER: target.provider, names.REQUEST_MODEL: target.model, **known}


def _of_answer(result: Mapping[str, Any]) -> dict[str, Value]:
    usage, completion = result["usage"] or {}, result["completion"]
    reasons = (completion["finish_reason"],) if completion else None
    return _known(
        {
            names.RESPONSE_MODEL: result["model"],
            names.FINISH_REASONS: reasons,
            names.INPUT_TOKENS: usage.get("prompt_tokens"),
            names.OUTPUT_TOKENS: usage.get("completion_tokens"),
            names.CACHED_TOKENS: usage.get("cached_tokens") or None,
            names.REASONING_TOKENS: usage.get("reasoning_tokens") or None,
            names.COST: result["cost"]["usd"],
        }
    )


def _send(s: Services, record: Record) -> Span:
    """From the saved outcome until the response topic had carried it."""
    completed_at = datetime.fromisoformat((record.result or {})["completed_at"])
    return Span(
        name=f"send {s.topics.response}",
        kind="producer",
        context=step_of(record, "send"),
        parent=life_of(record),
        start=completed_at,
        end=max(completed_at, _ended(record)),
        attributes=_messaging("send", s.topics.response),
    )


def _ended(record: Record) -> datetime:
    return record.confirmed_at or datetime.fromisoformat((record.result or {})["completed_at"])


def _messaging(operation: str, topic: str) -> dict[str, Value]:
    return {
        names.MESSAGING_SYSTEM: names.PUBSUB,
        names.MESSAGING_OPERATION: operation,
        names.MESSAGING_TYPE: operation,
        names.DESTINATION: topic,
    }


def _money(result: Mapping[str, Any]) -> dict[str, Value]:
    cost = result["cost"]
    return _known({names.COST: cost["usd"], names.SAVED: cost["saved_usd"] or None})


def _reason(result: Mapping[str, Any]) -> str | None:
    return result["error"]["reason"] if result["error"] else None


def _known(attributes: dict[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}
