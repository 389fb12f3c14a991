"""What lies among the dead letters: our own, and the copies that Pub/Sub's dead-letter policy makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from penstock.errors import BadMessage, Reason
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope, parse_time
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault
from penstock.messages.result import decode_response
from penstock.messages.wake import KIND

#: Pub/Sub puts these beside the original attributes of a message that it gives up: the project's docs,
#: https://cloud.google.com/pubsub/docs/handling-failures
COPIED = "CloudPubSubDeadLetterSource"
_FROM = f"{COPIED}Subscription"
_PUBLISHED = f"{COPIED}TopicPublishTime"


class Kind(StrEnum):
    """What a dead letter is."""

    #: Penstock's own, with its reason.
    LETTER = "letter"
    #: Pub/Sub's copy of a client's request, of a redrive, of a wake, of a result.
    REQUEST = "request, never answered"
    REDRIVE = "redrive, never answered"
    WAKE = "wake, never answered"
    RESPONSE = "result, never confirmed"
    #: Nothing that Penstock or Pub/Sub puts there.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Ids are empty where nothing names them; `data` is empty beside a `ref`."""

    kind: Kind
    message_id: str
    #: A Reason's value; empty for what is foreign.
    reason: str
    died_at: datetime
    data: bytes
    attributes: Mapping[str, str]
    tenant: str
    request_id: str
    redrive_count: int
    source_topic: str = ""
    source_message_id: str = ""
    #: When the original was published; known of Pub/Sub's copies alone.
    published_at: datetime | None = None
    ref: BlobRef | None = None


def read_letter(envelope: Envelope, response_subscription: str) -> Letter:
    """Never raises: what cannot be told is foreign."""
    attributes = envelope.attributes
    # A client's own attribute may be called `reason`; none of our letters carries Pub/Sub's.
    if _FROM in attributes:
        return _copy(envelope, response_subscription)
    known = attributes.get("reason") in {reason.value for reason in Reason}
    count = attributes.get("redrive_count", "0")
    if not known or "source_topic" not in attributes or not (count.isascii() and count.isdigit()):
        return _letter(Kind.FOREIGN, envelope, "")
    return _letter(
        Kind.LETTER, envelope, attributes["reason"], redrive_count=int(count), ref=_ref(attributes),
        source_topic=attributes["source_topic"], source_message_id=attributes.get("source_message_id", ""),
    )  # fmt: skip


def _copy(envelope: Envelope, response_subscription: str) -> Letter:
    attributes = envelope.attributes
    try:
        published_at = parse_time(attributes.get(_PUBLISHED, ""))
    except ValueError:
        published_at = None
    kind, count = Kind.REQUEST, 0
    if attributes[_FROM].rpartition("/")[2] == response_subscription or _is_result(envelope.data):
        kind = Kind.RESPONSE
    elif attributes.get(KIND) == "wake":
        kind = Kind.WAKE
    elif attributes.get(KIND) == "redrive":
        # It was never taken up: the count that it brings is still the next one.
        text = attributes.get("redrive_count", "")
        kind, count = Kind.REDRIVE, int(text) - 1 if text.isascii() and text.isdigit() else 0
    reason = Reason.UNDELIVERABLE.value
    return _letter(kind, envelope, reason, redrive_count=count, published_at=published_at)


def _letter(kind: Kind, envelope: Envelope, reason: str, **more: Any) -> Letter:
    body = {} if kind is Kind.FOREIGN else _body(envelope.data)
    return Letter(
        kind=kind,
        message_id=envelope.message_id,
        reason=reason,
        died_at=envelope.published_at,
        data=envelope.data,
        attributes=envelope.attributes,
        tenant=_id("tenant", envelope, body, TENANT_LIMIT),
        request_id=_id("request_id", envelope, body, REQUEST_ID_LIMIT),
        **({"redrive_count": 0} | more),
    )


def _id(name: str, envelope: Envelope, body: Mapping[str, Any], limit: int) -> str:
    """The id in the attributes, else in the body; empty for what is no id."""
    text = envelope.attributes.get(name) or body.get(name)
    return text if isinstance(text, str) and id_fault(text, limit) is None else ""


def _body(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_result(data: bytes) -> bool:
    try:
        decode_response(data)
    except BadMessage:
        return False
    return True


def _ref(attributes: Mapping[str, str]) -> BlobRef | None:
    """Where an original over 9 MB lies."""
    try:
        return BlobRef(
            attributes["payload_uri"], int(attributes["payload_generation"]), attributes["payload_sha256"]
        )
    except (KeyError, ValueError):
        return None
