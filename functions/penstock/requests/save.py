"""Save an outcome: result, cache and outbox in one batch; a paid answer is never thrown away.

Where the store refuses the document, the completion goes to the bucket and the document refers to it.
Where the store is out of reach, the answer waits in the bucket for the next holder.
Where somebody else holds the request, it lies as an orphan beside it (docs/design.md §3.3, §3.7).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock import log
from penstock.errors import (
    AlreadyExists,
    BlobError,
    BlobUnavailable,
    FencedOut,
    StoreError,
    StoreUnavailable,
    WriteRefused,
)
from penstock.leases.holder import Holder
from penstock.messages.completion import BlobRef, Completion
from penstock.messages.plan import Plan
from penstock.messages.request import Request
from penstock.messages.result import Answer, Failure
from penstock.messages.strict_json import canonical
from penstock.money.lane import Lane
from penstock.paths import cache_path, completion_blob, orphan_path, unsaved_blob
from penstock.ports import Create, Put, Write
from penstock.requests.call import Answered, Calls, Refused
from penstock.requests.conclude import answered, gave_up
from penstock.requests.flight import answered_document
from penstock.requests.incoming import INLINE_LIMIT, Incoming
from penstock.requests.orphans import is_for
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import at_save, seams_of
from penstock.services import Services
from penstock.targets.routes import Target

#: Orphans looked through for one of this life.
_ORPHANS = 20

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
        return answered(s, incoming.request, calls.made(record, "ok"), saved, key, calls.provider_ms)

    return await _save(s, holder, incoming.request, answer, key, change)


def priced(
    s: Services, completion: Completion, target: Target, plan: Plan | None, lane: Lane = Lane.SYNC
) -> Answer:
    """`completion` as an answer, at its price in `lane`."""
    cost = s.prices.cost(target.priced_as, completion.usage, lane)
    if plan is not None and plan.arm is None:
        at_list = s.prices.cost(target.priced_as, replace(completion.usage, service_tier=None))
        if cost.usd is not None and at_list.usd is not None:
            cost = replace(cost, saved_by_lane_usd=at_list.usd - cost.usd)
    return Answer.of(completion, provider=target.provider, target=target.name, cost=cost)


async def save_recovered(s: Services, holder: Holder[Record], incoming: Incoming, answer: Answer) -> Record:
    """Make an answer that `recovered` found the request's result: this holder asked nobody. Raises alike."""

    def change(record: Record, saved: Answer) -> Record:
        return answered(s, incoming.request, record.with_outcome(NOT_CALLED), saved, None, 0)

    return await _save(s, holder, incoming.request, answer, None, change)


async def _save(
    s: Services, holder: Holder[Record], request: Request, answer: Answer, key: str | None, change: Change
) -> Record:
    """Write the terminal record, and the cache document of `key` with it."""
    try:
        if size_of(answer) > INLINE_LIMIT:
            answer = await spilled(s, request, answer)
        try:
            await _write(s, holder, answer, key, change)
        except WriteRefused:
            answer = await spilled(s, request, answer)
            await _write(s, holder, answer, key, change)
    except FencedOut:
        await _orphan(s, holder, answer)
        raise
    except (StoreError, BlobError) as error:
        await _set_by(s, holder, answer)
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
        return await spilled(s, request, answer) if size_of(answer) > INLINE_LIMIT else answer
    except BlobError:
        return Answer.of(
            replace(outcome.withheld, text="", reasoning="", tool_calls=()),
            provider=answer.provider, target=answer.target, cost=answer.cost,
        )  # fmt: skip


async def recovered(s: Services, holder: Holder[Record]) -> Answer | None:
    """An answer that an earlier holder paid for and could not save. Raises StoreError, BlobError."""
    record = holder.record
    data = await s.blobs.find(_unsaved(record), timeout_s=s.timing.blob_s)
    if data is not None:
        return Answer.decode(json.loads(data))
    orphans = await s.store.scan(
        f"{holder.path}/orphans", after="", limit=_ORPHANS, timeout_s=s.timing.read_s
    )
    for fields in (orphan.fields or {} for orphan in orphans):
        if is_for(fields, record):
            return Answer.decode(fields["answer"])
    return None


async def _write(
    s: Services, holder: Holder[Record], answer: Answer, key: str | None, change: Change
) -> None:
    others = of_seams(s, holder.record, answer)
    if key is not None:
        document = answered_document(answer, s.clock.now(), s.timing)
        others.append(Put(cache_path(holder.record.tenant, key), document))
    await holder.write(lambda record: at_save(s, holder, change(record, answer)), *others)


def of_seams(s: Services, record: Record, outcome: Answer | Failure) -> list[Write]:
    """What the rooms add to the batch that makes `outcome` the result of `record`."""
    return [write for seam in seams_of(s) for write in seam.with_save(s, record, outcome)]


def size_of(answer: Answer) -> int:
    """Bytes of the completion, where the document would hold it."""
    return len(canonical(answer.completion)) if answer.completion is not None else 0


async def spilled(s: Services, request: Request, answer: Answer) -> Answer:
    """The same answer with its completion in the bucket. Raises BlobError."""
    if answer.completion is None:
        return answer
    data = canonical(answer.completion)
    name = completion_blob(request.tenant, hashlib.sha256(data).hexdigest())
    ref = await _put(s, name, data)
    return replace(answer, completion=None, ref=ref)


async def _put(s: Services, name: str, data: bytes) -> BlobRef:
    """Into the bucket, with patience: what is written here is paid for. Raises BlobUnavailable."""
    give_up = s.clock.monotonic() + s.timing.settle_s
    while True:
        try:
            return await s.blobs.put(name, data, timeout_s=s.timing.blob_s)
        except BlobUnavailable:
            if s.clock.monotonic() >= give_up:
                raise
            await asyncio.sleep(s.timing.quick_retry_s * (0.5 + s.jitter()))


def _unsaved(record: Record) -> str:
    return unsaved_blob(record.tenant, record.request_id, record.created_at, record.redrive_count)


async def _orphan(s: Services, holder: Holder[Record], answer: Answer) -> None:
    """Somebody took over while we were paying: keep the proof, and the answer, beside the request."""
    record, now = holder.record, s.clock.now()
    fields: dict[str, Any] = {
        "answer": answer.encode(),
        "fence": record.fence,
        "life": record.created_at,
        "redrive_count": record.redrive_count,
        "created_at": now,
        "expires_at": now + timedelta(seconds=s.timing.retention_s),
    }
    path = orphan_path(record.tenant, record.request_id, record.write_id)
    try:
        await s.store.commit([Create(path, fields)], timeout_s=s.timing.commit_s)
    except AlreadyExists:
        pass
    except StoreError:
        await _set_by(s, holder, answer)


async def _set_by(s: Services, holder: Holder[Record], answer: Answer) -> None:
    record = holder.record
    try:
        await _put(s, _unsaved(record), canonical(answer.encode()))
    except BlobError:
        log.error(
            "answer.lost",
            "A paid answer could be kept neither in the store nor in the bucket; it will be paid again.",
            tenant=record.tenant,
            request_id=record.request_id,
        )
