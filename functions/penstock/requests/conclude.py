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
    # The cache keeps the answer's own price; what went wrong before it belongs to this request alone.
    return transitions.completed(
        record, request, _with_unsure(answer, record.perhaps_paid), cache=_cache(request), key=key,
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


def stood_in(
    s: Services, request: Request, record: Record, answer: Answer, cache: str, provider_ms: int
) -> Record:
    """Another question's answer is ours (`cache` says how), and nobody finds it under our key."""
    now = s.clock.now()
    return transitions.completed(
        record, request, _with_unsure(answer, record.perhaps_paid), cache=cache, key=None,
        timings=_timings(record, now, provider_ms), now=now, timing=s.timing,
    )  # fmt: skip


def adopted(s: Services, request: Request, record: Record, leader: Record) -> Record:
    """A follower ends as its leader did: with the leader's completion, or its refusal."""
    outcome = leader.result or {}
    if leader.completed:
        done = reused(s, request, record, Answer.decode(outcome), "coalesced", leader.answer_key)
        return done._replace(leader=leader.path)
    error = outcome["error"]
    failure = Failure(Reason(error["reason"]), error["message"])
    withheld = Answer.decode(outcome).reused() if outcome["usage"] else None
    now = s.clock.now()
    done = transitions.failed(
        record, request, failure, cache="coalesced", key=leader.answer_key, target=outcome["target"],
        cost=Cost(0.0, {}), timings=_timings(record, now, 0), now=now, timing=s.timing, withheld=withheld,
    )  # fmt: skip
    return done._replace(leader=leader.path)


def gave_up(
    s: Services, request: Request, record: Record, failure: Failure, key: str | None, provider_ms: int,
    withheld: Answer | None = None,
) -> Record:  # fmt: skip
    """No answer will come. What the calls cost that may have been paid is not known, and said so.

    `withheld` is what came with a refusal, at the price of what the provider says it used.
    """
    now = s.clock.now()
    unsure = record.perhaps_paid
    # A refused content was perhaps generated, and billed, before it was filtered.
    unstated = failure.reason is Reason.CONTENT_REFUSED and (withheld is None or withheld.usage.estimated)
    if withheld is not None and not unstated:
        withheld = _with_unsure(withheld, unsure)
    elif withheld is not None:
        withheld = replace(withheld, cost=_unknown(unsure + 1))
    return transitions.failed(
        record, request, failure, cache=_cache(request), key=key,
        target=record.attempts[-1].target if record.attempts else None, cost=_unknown(unsure + unstated),
        timings=_timings(record, now, provider_ms), now=now, timing=s.timing, withheld=withheld,
    )  # fmt: skip


def _unknown(calls: int) -> Cost:
    """What `calls` that may have been paid cost, and nothing else was."""
    return Cost(None, {"unknown": _perhaps_paid(calls, "call")}) if calls else Cost(0.0, {})


def _with_unsure(answer: Answer, calls: int) -> Answer:
    """The answer at its price, which says that `calls` more may have been paid before it."""
    if not calls:
        return answer
    why = answer.cost.breakdown.get("unknown")
    told = "; ".join(part.rstrip(".") for part in (why, _perhaps_paid(calls, "more call")) if part)
    return replace(answer, cost=replace(answer.cost, breakdown={**answer.cost.breakdown, "unknown": told}))


def _perhaps_paid(calls: int, noun: str) -> str:
    return f"{calls} {noun}{'' if calls == 1 else 's'} may have been paid"


def _cache(request: Request) -> str:
    return "miss" if cacheable(request) else "off"


def _timings(record: Record, now: datetime, provider_ms: int) -> Timings:
    return Timings(
        queued_ms=_ms(record.published_at, record.created_at),
        provider_ms=provider_ms,
        total_ms=_ms(record.published_at, now),
    )


def _ms(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
