"""Deliver a stored outcome: the dead letter first, then the result (docs/design.md §2.4).

The stored record is its own outbox. Whatever is not confirmed here, the sweeper repeats.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from penstock import log
from penstock.errors import BadMessage, BlobError, BlobMissing, PublishFailed, Reason
from penstock.messages.deadletter import INLINE_LIMIT, DeadLetter
from penstock.messages.envelope import Envelope
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault
from penstock.messages.result import response_message
from penstock.paths import dead_letter_blob
from penstock.requests.record import Record
from penstock.services import Services


async def deliver(s: Services, record: Record) -> bool:
    """Publish a terminal record's dead letter, if it failed, and its result; False: to be repeated."""
    result = record.result or {}
    try:
        if _has_letter(record):
            await _publish_dead_letter(s, record)
        data, attributes = response_message(result, record.traceparent)
        await s.bus.publish(_topic(s, record), data, attributes, timeout_s=s.timing.publish_s)
    except (PublishFailed, BlobError) as error:
        log.warning(
            "result.unpublished",
            "A result could not be published; the sweeper will repeat it.",
            reason=str(error),
            tenant=record.tenant,
            request_id=record.request_id,
        )
        return False
    return True


def _has_letter(record: Record) -> bool:
    """Whether it failed, and not because the run that asked had ended."""
    error = (record.result or {}).get("error")
    return error is not None and error["reason"] != Reason.CANCELLED


def _topic(s: Services, record: Record) -> str:
    """Whoever waits for results of their own is not to see a run's million."""
    return s.topics.internal if record.parent is not None else s.topics.response


def log_finished(record: Record) -> None:
    """The line that says how a request ended: metrics and people read it."""
    result = record.result or {}
    error = result["error"]
    log.event(
        "request.finished",
        f"{result['status']}.",
        tenant=record.tenant,
        request_id=record.request_id,
        status=result["status"],
        reason=error["reason"] if error else None,
        cache=result["cache"],
        model=result["model"],
        provider=result["provider"],
        target=result["target"],
        cost_usd=result["cost"]["usd"],
        saved_usd=result["cost"]["saved_usd"],
        lane=result.get("lane"),
        saved_by_lane_usd=result["cost"].get("saved_by_lane_usd"),
        attempts=result["attempts"],
        **result["timings"],
    )


async def refuse(s: Services, envelope: Envelope, error: BadMessage) -> None:
    """The dead letter of a message that never becomes a request. Raises PublishFailed, BlobError.

    Where the error knows no ids, the attributes' are taken, if they are ids.
    """
    attributes = envelope.attributes
    letter = DeadLetter(
        reason=error.reason,
        error=str(error),
        source_topic=s.topics.request,
        source_message_id=envelope.message_id,
        tenant=error.tenant or _id(attributes.get("tenant", ""), TENANT_LIMIT),
        request_id=error.request_id or _id(attributes.get("request_id", ""), REQUEST_ID_LIMIT),
    )
    await send_dead_letter(s, letter, envelope.data)


def tell_undelivered(s: Services, source_message_id: str, error: Exception) -> None:
    """A refused message without a dead letter is kept by nobody else: an operator must know why."""
    log.error(
        "deadletter.unpublished",
        f"A refused message could not be put on {s.topics.dead_letter}, so it is delivered again: {error}",
        topic=s.topics.dead_letter,
        reason=str(error),
        source_message_id=source_message_id,
    )


def _id(text: str, limit: int) -> str:
    """`text` if it is an id; what is none may be anything, and is not repeated in attributes and logs."""
    return text if text and id_fault(text, limit) is None else ""


async def send_dead_letter(s: Services, letter: DeadLetter, original: bytes) -> None:
    """Publish `letter` with the original bytes. Raises PublishFailed, BlobError."""
    data = original
    if len(data) > INLINE_LIMIT:
        letter = await _by_reference(s, letter, original)
        data = b""
    await s.bus.publish(s.topics.dead_letter, data, letter.encode(), timeout_s=s.timing.publish_s)
    log.warning(
        "deadletter.published",
        letter.error,
        reason=str(letter.reason),
        tenant=letter.tenant or None,
        request_id=letter.request_id or None,
        source_message_id=letter.source_message_id,
    )


async def _publish_dead_letter(s: Services, record: Record) -> None:
    error = (record.result or {})["error"]
    letter = DeadLetter(
        reason=error["reason"],
        error=error["message"],
        source_topic=s.topics.request,
        source_message_id=record.message_id,
        tenant=record.tenant,
        request_id=record.request_id,
        redrive_count=record.redrive_count,
    )
    try:
        original = await original_bytes(s, record)
    except BlobMissing:
        letter = replace(letter, error=f"{letter.error} The original message is gone from the bucket.")
        original = b""
    await send_dead_letter(s, letter, original)


async def original_bytes(s: Services, record: Record) -> bytes:
    """The client's message as it came. Raises BlobError."""
    if record.payload_ref is not None:
        return await s.blobs.get(record.payload_ref, timeout_s=s.timing.blob_s)
    return record.payload or b""


async def _by_reference(s: Services, letter: DeadLetter, original: bytes) -> DeadLetter:
    """Pub/Sub would refuse so long a message: the original goes to the bucket."""
    name = dead_letter_blob(hashlib.sha256(original).hexdigest())
    return replace(letter, ref=await s.blobs.put(name, original, timeout_s=s.timing.blob_s))
