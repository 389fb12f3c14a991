"""Save an outcome: result, cache and outbox in one batch; a paid answer is never thrown away.

Where the store refuses the document, the completion goes to the bucket and the document refers to it.
Where the store is out of reach, the answer waits in the bucket for the next holder.
Where somebody else holds the request, it lies as an orphan beside it (docs/design.md §3.3, §3.7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.errors import BlobError, FencedOut, StoreError, StoreUnavailable, WriteRefused
from penstock.leases.holder import Holder
from penstock.messages.plan import Plan
from penstock.messages.request import Request
from penstock.messages.result import Answer, Failure
from penstock.messages.rung import on_top
from penstock.paths import cache_path
from penstock.ports import Put, Write
from penstock.requests.answers import priced, size_of, spilled
from penstock.requests.call import Answered, Calls, Refused
from penstock.requests.conclude import answered, gave_up, stood_in
from penstock.requests.flight import answered_document
from penstock.requests.incoming import INLINE_LIMIT, Incoming
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import Reused, at_save, seams_of
from penstock.requests.unsaved import orphan, set_by
from penstock.services import Services

#: The terminal record of an answer, which may have gone to the bucket in the meantime.
Change = Callable[[Record, Answer], Record]


async def save_answer(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, outcome: Answered
) -> Record:
    """Make `outcome` the request's result.

    Raises FencedOut or StoreUnavailable; the answer is then kept where `recovered` finds it.
    """
    lane = outcome.target.asked_in
    answer = priced(s, outcome.completion, outcome.target, holder.record.plan, lane)
    key = incoming.key_of(outcome.target) if outcome.completion.whole else None

    def change(record: Record, saved: Answer) -> Record:
        ended = calls.made(outcome.also(record), "ok")
        return answered(s, incoming.request, ended, saved, key, calls.provider_ms)

    return await _save(s, holder, incoming.request, answer, key, change)


async def save_recovered(s: Services, holder: Holder[Record], incoming: Incoming, answer: Answer) -> Record:
    """Make an answer that `recovered` found the request's result: this holder asked nobody. Raises alike."""

    def change(record: Record, saved: Answer) -> Record:
        return answered(s, incoming.request, record.with_outcome(NOT_CALLED), saved, None, 0)

    return await _save(s, holder, incoming.request, answer, None, change)


async def save_reused(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, reused: Reused
) -> Record:
    """Make another question's answer the request's result. It is kept nowhere else: not in the cache, and not
    for whoever holds the request next. Raises FencedOut, StoreError."""

    def change(record: Record) -> Record:
        ended = reused.also(record).with_outcome(NOT_CALLED)
        done = stood_in(s, incoming.request, ended, reused.answer, reused.cache, calls.provider_ms)
        return at_save(s, holder, done)

    await holder.write(change)
    return holder.record


async def _save(
    s: Services, holder: Holder[Record], request: Request, answer: Answer, key: str | None, change: Change
) -> Record:
    """Write the terminal record, and the cache document of `key` with it."""
    try:
        if size_of(answer) > INLINE_LIMIT:
            answer = await spilled(s, request.tenant, answer)
        try:
            await _write(s, holder, answer, key, change)
        except WriteRefused:
            answer = await spilled(s, request.tenant, answer)
            await _write(s, holder, answer, key, change)
    except FencedOut:
        await orphan(s, holder, answer)
        raise
    except (StoreError, BlobError) as error:
        await set_by(s, holder, answer)
        raise StoreUnavailable("The answer is paid for and waits in the bucket.") from error
    return holder.record


async def save_refusal(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, outcome: Refused
) -> Record:
    """Make a failure the request's result. Raises FencedOut, StoreError."""
    failure = Failure(outcome.fail.reason, outcome.fail.message)
    key = incoming.key_of(outcome.target) if outcome.target else None
    withheld = await _withheld(s, incoming.request, outcome, holder.record.plan)

    def change(record: Record) -> Record:
        noted = calls.noted(record)
        over = gave_up(s, incoming.request, noted, failure, key, calls.provider_ms, withheld)
        return at_save(s, holder, over)

    await holder.write(change, *of_seams(s, holder.record, failure))
    return holder.record


async def _withheld(s: Services, request: Request, outcome: Refused, plan: Plan | None) -> Answer | None:
    """What came with a refusal; its words are given up where they are long and the bucket does not take them,
    for the outcome is worth more."""
    if outcome.withheld is None or outcome.target is None:
        return None
    answer = priced(s, outcome.withheld, outcome.target, plan, outcome.target.asked_in)
    try:
        return await spilled(s, request.tenant, answer) if size_of(answer) > INLINE_LIMIT else answer
    except BlobError:
        return Answer.of(
            replace(outcome.withheld, text="", reasoning="", tool_calls=()),
            provider=answer.provider, target=answer.target, cost=answer.cost,
        )  # fmt: skip


async def _write(
    s: Services, holder: Holder[Record], answer: Answer, key: str | None, change: Change
) -> None:
    others = of_seams(s, holder.record, answer)
    if key is not None:
        rungs = change(holder.record, answer).rungs if holder.record.rungs else ()
        # What was paid to look for a similar answer is no part of what this one costs.
        paid = [rung for rung in rungs or () if rung.role is None]
        whole = replace(answer, cost=on_top(answer.cost, paid))
        document = answered_document(whole, s.clock.now(), s.timing)
        others.append(Put(cache_path(holder.record.tenant, key), document))
    await holder.write(lambda record: at_save(s, holder, change(record, answer)), *others)


def of_seams(s: Services, record: Record, outcome: Answer | Failure) -> list[Write]:
    """What the rooms add to the batch that makes `outcome` the result of `record`."""
    return [write for seam in seams_of(s) for write in seam.with_save(s, record, outcome)]
