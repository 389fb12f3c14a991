"""The end of a request: from an answer, old or new, a leader's outcome or a failure to a terminal record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from penstock.errors import Reason
from penstock.messages.request import Request
from penstock.messages.result import Answer, Cost, Failure, Timings
from penstock.requests import transitions
from penstock.requests.flight import cacheable
from penstock.requests.record import Record
from penstock.services import Services


def answered(
    s: Services, request: Request, record: Record, answer: Answer, key: str | None, provider_ms: int
) -> Record:
    """This request's own call brought `answer`; `key` is the answering target's cache key, if cacheable."""
    now = s.clock.now()
    if (unknown := _perhaps_paid(record)) and answer.cost.usd is not None:
        # The cache keeps the answer's own price; what went wrong before it belongs to this request alone.
        breakdown = {**answer.cost.breakdown, "unknown": f"{unknown} more calls may have been paid"}
        answer = replace(answer, cost=replace(answer.cost, breakdown=breakdown))
    return transitions.completed(
        record, request, answer, cache="miss" if cacheable(request) else "off", key=key,
        timings=_timings(record, now, provider_ms), now=now, timing=s.timing,
    )  # fmt: skip


def reused(
    s: Services, request: Request, record: Record, answer: Answer, cache: str, key: str | None
) -> Record:
    """The answer was there already (`cache` is hit or coalesced): it costs nothing again."""
    now = s.clock.now()
    return transitions.completed(
        record, request, answer.reused(), cache=cache, key=key,
        timings=_timings(record, now, 0), now=now, timing=s.timing,
    )  # fmt: skip


def adopted(s: Services, request: Request, record: Record, leader: Record) -> Record:
    """A follower ends as its leader did: with the leader's completion, or its refusal."""
    outcome = leader.result or {}
    if leader.completed:
        return reused(s, request, record, Answer.decode(outcome), "coalesced", leader.answer_key)
    error = outcome["error"]
    failure = Failure(Reason(error["reason"]), error["message"])
    now = s.clock.now()
    return transitions.failed(
        record, request, failure, cache="coalesced", key=leader.answer_key, target=outcome["target"],
        cost=Cost(0.0, {}), timings=_timings(record, now, 0), now=now, timing=s.timing,
    )  # fmt: skip


def gave_up(
    s: Services, request: Request, record: Record, failure: Failure, key: str | None, provider_ms: int
) -> Record:
    """No answer will come. What the calls cost that may have been paid is not known, and said so."""
    now = s.clock.now()
    unknown = _perhaps_paid(record)
    # A refused content was perhaps generated, and billed, before it was filtered.
    unknown += failure.reason is Reason.CONTENT_REFUSED
    cost = Cost(0.0, {})
    if unknown:
        cost = Cost(None, {"unknown": f"{unknown} calls may have been paid"})
    return transitions.failed(
        record, request, failure, cache="miss" if cacheable(request) else "off", key=key,
        target=record.attempts[-1].target if record.attempts else None, cost=cost,
        timings=_timings(record, now, provider_ms), now=now, timing=s.timing,
    )  # fmt: skip


def _perhaps_paid(record: Record) -> int:
    """Calls of unknown outcome among the attempts that the document keeps, the newest's own left out."""
    return sum(attempt.outcome in ("ambiguous", "unknown") for attempt in record.attempts)


def _timings(record: Record, now: datetime, provider_ms: int) -> Timings:
    return Timings(
        queued_ms=_ms(record.published_at, record.created_at),
        provider_ms=provider_ms,
        total_ms=_ms(record.published_at, now),
    )


def _ms(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
