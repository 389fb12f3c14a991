"""The story of one result on the response topic: confirm its delivery, count it, wake its followers.

Confirmation and usage lie in one batch: an increment alone would count a redelivery twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from penstock import log
from penstock.errors import (
    BadMessage,
    BlobError,
    PreconditionFailed,
    PublishFailed,
    StoreError,
    StoreUnavailable,
)
from penstock.leases.document import changed_fields
from penstock.leases.wake import publish_wake
from penstock.messages.deadletter import DeadLetter
from penstock.messages.envelope import Envelope
from penstock.messages.result import Delivered, decode_response
from penstock.paths import REQUESTS, request_path
from penstock.ports import Snapshot, Update, Write
from penstock.requests import transitions
from penstock.requests.booking import booked
from penstock.requests.deliver import send_dead_letter, tell_undelivered
from penstock.requests.record import Record, State
from penstock.requests.room import NAMED, wake_of
from penstock.requests.seams import seams_of
from penstock.services import Services
from penstock.verdict import Verdict

#: How often a lost race with the sweeper is looked at again before the delivery is nacked.
_LOOKS = 8

#: Followers woken by one query; more are woken by the deliveries of their own leaders or in time.
_FOLLOWERS = 500


async def respond(s: Services, envelope: Envelope) -> Verdict:
    """Confirm what `envelope` carried; never raises for what a message holds."""
    seams, confirmed = seams_of(s), _Confirmed()
    for seam in seams:
        seam.before_response()
    try:
        return await _respond(s, envelope, confirmed)
    finally:
        for seam in seams:
            await seam.after_response(s, confirmed.record)


@dataclass(slots=True)
class _Confirmed:
    """What this very delivery confirmed, if it did, whatever becomes of the rest of it."""

    record: Record | None = None


async def _respond(s: Services, envelope: Envelope, confirmed: _Confirmed) -> Verdict:
    try:
        delivered = decode_response(envelope.data)
        found, record = await _read(s, delivered)
        if record is not None:
            await _conclude(s, delivered, found, record, confirmed)
            for seam in seams_of(s):
                await seam.after_confirmation(s, record)
    except BadMessage as error:
        return await _refuse(s, envelope, error)
    except (StoreError, PublishFailed):
        return Verdict.NACK
    return Verdict.ACK


async def _conclude(
    s: Services, delivered: Delivered, found: Snapshot, record: Record, confirmed: _Confirmed
) -> None:
    """Confirm and wake side by side: the outcome that followers wait for is saved already.

    Raises what either raised, once both have ended.
    """
    steps = [_confirm(s, delivered, found, record, confirmed)]
    if record.flight is not None:
        steps.append(_wake_followers(s, record.flight))
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _read(s: Services, delivered: Delivered) -> tuple[Snapshot, Record | None]:
    """The document of a result, as it is now; no record when it has no result any more."""
    path = request_path(delivered.tenant, delivered.request_id)
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    record = Record.decode(found.fields) if found.fields is not None else None
    return found, record if record is not None and record.state is State.TERMINAL else None


async def _confirm(
    s: Services, delivered: Delivered, found: Snapshot, record: Record | None, confirmed: _Confirmed
) -> None:
    """Confirmed, by us or by somebody before us; nothing when the result is not the document's any more."""
    for _ in range(_LOOKS):
        if record is None or record.confirmed_at is not None:
            return
        if record.redrive_count != delivered.redrive_count:
            return
        try:
            confirmed.record = await _write_confirmation(s, found, record)
            return
        except (PreconditionFailed, StoreUnavailable):
            await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 10)
            found, record = await _read(s, delivered)
    raise StoreUnavailable("The confirmation could not be written.")


async def _write_confirmation(s: Services, found: Snapshot, record: Record) -> Record:
    """The record as it was, with the time of its confirmation.

    Raises PreconditionFailed, StoreUnavailable.
    """
    now = s.clock.now()
    done = transitions.confirmed(record, now, s.timing)
    writes: list[Write] = [
        Update(found.path, changed_fields(done, record), found.version),
        *booked(record, now),
        *(write for seam in seams_of(s) for write in seam.with_confirmation(s, record)),
    ]
    await s.confirming.commit(s.store, writes, timeout_s=s.timing.commit_s)
    return record._replace(confirmed_at=now)


async def _wake_followers(s: Services, key: str) -> None:
    """Everybody who waits for the flight of `key` looks again."""
    waiting = await s.store.find(REQUESTS, "following", key, key, limit=_FOLLOWERS, timeout_s=s.timing.read_s)
    records = [Record.decode(found.fields) for found in waiting if found.fields is not None]
    await asyncio.gather(*(publish_wake(s, s.topics.request, wake_of(record), NAMED) for record in records))


async def _refuse(s: Services, envelope: Envelope, error: BadMessage) -> Verdict:
    letter = DeadLetter(error.reason, str(error), s.topics.response, envelope.message_id)
    try:
        await send_dead_letter(s, letter, envelope.data)
    except (PublishFailed, BlobError) as failure:
        tell_undelivered(s, envelope.message_id, failure)
        return Verdict.NACK
    log.warning("response.refused", str(error), source_message_id=envelope.message_id)
    return Verdict.ACK
