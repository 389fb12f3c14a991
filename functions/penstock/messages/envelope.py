"""The envelope: one Pub/Sub delivery as it arrives.

Three forms come over HTTP (docs/design.md §2.5): the wrapped push body of Pub/Sub
(https://cloud.google.com/pubsub/docs/push), and the CloudEvent of type MESSAGE_PUBLISHED that Eventarc
makes of it, binary (the body is that same push body) or structured (the push body is its `data`). An event's
own id and time stand in for the message's.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from penstock.errors import NotAPush
from penstock.messages.strict_json import encodable

#: The only CloudEvent that is a Pub/Sub delivery.
MESSAGE_PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"

_STRUCTURED: Final = "application/cloudevents+json"

#: RFC 3339 §5.6 date-time. The days of a month and leap seconds (refused) are datetime's to judge.
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes and facts of one delivery. `attempt` is None where the subscription does not count."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str
    published_at: datetime
    subscription: str
    attempt: int | None = None


def decode_push(headers: Mapping[str, str], body: bytes) -> Envelope:
    """The delivery in an HTTP request; `headers` by lower-case name. Raises NotAPush."""
    push = _object(_parse(body), "The body")
    event: Mapping[str, Any] = {}
    if headers.get("content-type", "").partition(";")[0].strip().lower() == _STRUCTURED:
        event = push
        _check_event_type(event.get("type"))
        push = _object(event.get("data"), "`data` of the CloudEvent")
    elif "ce-type" in headers:
        event = {name: headers.get(f"ce-{name}") for name in ("type", "id", "time")}
        _check_event_type(event["type"])
    message = _object(push.get("message"), "`message`")
    return Envelope(
        data=_data(message.get("data", "")),
        attributes=_attributes(message.get("attributes")),
        message_id=_text(_first(message, "messageId", "message_id", event.get("id")), "`message.messageId`"),
        published_at=_published_at(_first(message, "publishTime", "publish_time", event.get("time"))),
        subscription=_text(push.get("subscription"), "`subscription`"),
        attempt=_attempt(push.get("deliveryAttempt")),
    )


def encode_push(envelope: Envelope) -> bytes:
    """The wrapped push body, as production sends it: ids and times in both spellings."""
    published_at = format_time(envelope.published_at)
    push: dict[str, Any] = {
        "message": {
            "attributes": dict(envelope.attributes),
            "data": binascii.b2a_base64(envelope.data, newline=False).decode("ascii"),
            "messageId": envelope.message_id,
            "message_id": envelope.message_id,
            "publishTime": published_at,
            "publish_time": published_at,
        },
        "subscription": envelope.subscription,
    }
    if envelope.attempt is not None:
        push["deliveryAttempt"] = envelope.attempt
    return json.dumps(push, separators=(",", ":")).encode("ascii")


def parse_time(text: str) -> datetime:
    """An RFC 3339 time with offset, in UTC; finer than a microsecond is cut. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with an offset")
    date, time, fraction, offset = match.groups()
    try:
        local = datetime.fromisoformat(f"{date}T{time}.{(fraction or '')[:6]:0<6}{offset.upper()}")
        return local.astimezone(UTC)
    except OverflowError:
        raise ValueError("not within the years 1 to 9999 in UTC") from None


def format_time(moment: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC, to the microsecond: what parse_time reads back."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # Not chained: a decoding error carries the whole body.
        raise NotAPush("The body is not JSON: this address takes Pub/Sub push deliveries only.") from None


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotAPush(f"{name} is not a JSON object: this address takes Pub/Sub push deliveries only.")
    return value


def _first(message: Mapping[str, Any], name: str, other: str, of_event: Any) -> Any:
    """The message's own, in either spelling; the event's where it has none, as in Google's curl samples."""
    found = message.get(name, message.get(other))
    return of_event if found is None else found


def _check_event_type(kind: Any) -> None:
    if kind != MESSAGE_PUBLISHED:
        raise NotAPush(f"The CloudEvent's type is not {MESSAGE_PUBLISHED}: point the trigger at a topic.")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value or not encodable(value):
        raise NotAPush(f"{name} is missing or not a string: a Pub/Sub push always has it.")
    return value


def _data(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return binascii.a2b_base64(value, strict_mode=True)
        except ValueError:  # binascii.Error is one; so is what non-ASCII text raises
            pass
    raise NotAPush("`message.data` is not standard base64: a Pub/Sub push always sends that.")


def _attributes(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    attributes = _object(value, "`message.attributes`")
    for name, text in attributes.items():
        if not isinstance(text, str) or not (encodable(name) and encodable(text)):
            raise NotAPush("`message.attributes` holds something other than strings of whole characters.")
    return attributes


def _published_at(value: Any) -> datetime:
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError:
        raise NotAPush(
            "`message.publishTime` is missing or not an RFC 3339 time: a Pub/Sub push always has it."
        ) from None


def _attempt(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotAPush("`deliveryAttempt` is not a whole number: a Pub/Sub push sends one or none.")
    return value
