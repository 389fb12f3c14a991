"""Envelopes: every form in which Pub/Sub and Eventarc push, and nothing that merely looks like it."""

from __future__ import annotations

import base64
import json
import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import NotAPush
from penstock.messages.envelope import Envelope, decode_push, encode_push, format_time, parse_time
from tests.examples import examples

SECRET = "hunter2-the-planted-secret"
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
SUBSCRIPTION = "projects/p/subscriptions/llm-requests-push"

ENVELOPE = Envelope(
    data=b'{"prompt":"hello"}',
    attributes={"tenant": "acme", "traceparent": "00-1-2-01"},
    message_id="2070443601311540",
    published_at=datetime(2026, 2, 26, 19, 13, 55, 749000, tzinfo=UTC),
    subscription=SUBSCRIPTION,
    attempt=None,
)


def wrapped(**message: Any) -> dict[str, Any]:
    """The push body of ENVELOPE as production sends it; None takes a field of the message away."""
    fields = {
        "attributes": {"tenant": "acme", "traceparent": "00-1-2-01"},
        "data": base64.b64encode(b'{"prompt":"hello"}').decode(),
        "messageId": "2070443601311540",
        "message_id": "2070443601311540",
        "publishTime": "2026-02-26T19:13:55.749Z",
        "publish_time": "2026-02-26T19:13:55.749Z",
    } | message
    return {"message": {k: v for k, v in fields.items() if v is not None}, "subscription": SUBSCRIPTION}


def event(data: object, kind: str = PUBLISHED) -> dict[str, Any]:
    """A structured CloudEvent around `data`."""
    return {
        "specversion": "1.0",
        "id": "2070443601311540",
        "source": "//pubsub.googleapis.com/projects/p/topics/llm-requests",
        "type": kind,
        "datacontenttype": "application/json",
        "data": data,
    }


JSON = {"content-type": "application/json"}
BINARY = JSON | {
    "ce-specversion": "1.0",
    "ce-type": PUBLISHED,
    "ce-id": "2070443601311540",
    "ce-source": "//x",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=UTF-8"}

FORMS: dict[str, tuple[dict[str, str], object]] = {
    "wrapped": (JSON, wrapped()),
    "wrapped, no content type": ({}, wrapped()),
    "CloudEvent, binary": (BINARY, wrapped()),
    "CloudEvent, structured": (STRUCTURED, event(wrapped())),
    "CloudEvent, structured, other case": (
        {"content-type": "Application/CloudEvents+JSON"},
        event(wrapped()),
    ),
    "only camelCase": (JSON, wrapped(message_id=None, publish_time=None)),
    "only snake_case": (JSON, wrapped(messageId=None, publishTime=None)),
    "nanoseconds": (JSON, wrapped(publishTime="2026-02-26T19:13:55.749000999Z")),
    "an offset": (JSON, wrapped(publishTime="2026-02-26T20:13:55.749+01:00")),
    "an ordering key": (JSON, wrapped(orderingKey="k")),
}


@pytest.mark.parametrize(("headers", "body"), FORMS.values(), ids=FORMS.keys())
def test_every_form_of_one_delivery_is_the_same_envelope(headers: dict[str, str], body: object) -> None:
    assert decode_push(headers, json.dumps(body).encode()) == ENVELOPE


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (BINARY | {"ce-time": "2026-02-26T19:13:55.749Z"}, None),
        (STRUCTURED, {"time": "2026-02-26T19:13:55.749Z"}),
    ],
)
def test_id_and_time_of_the_event_stand_in_for_the_messages(
    headers: dict[str, str], body: dict[str, Any] | None
) -> None:
    """Google's own curl samples have them in the headers alone."""
    bare = wrapped(messageId=None, message_id=None, publishTime=None, publish_time=None)
    sent = bare if body is None else event(bare) | body
    assert decode_push(headers, json.dumps(sent).encode()) == ENVELOPE


def test_the_messages_own_id_and_time_go_before_the_events() -> None:
    headers = BINARY | {"ce-id": "1", "ce-time": "2020-01-01T00:00:00Z"}
    assert decode_push(headers, json.dumps(wrapped()).encode()) == ENVELOPE


@pytest.mark.parametrize(
    ("field", "expected"), [({}, None), ({"deliveryAttempt": 5}, 5), ({"deliveryAttempt": None}, None)]
)
def test_the_delivery_attempt_is_there_only_when_the_subscription_counts(
    field: dict[str, Any], expected: int | None
) -> None:
    assert decode_push(JSON, json.dumps(wrapped() | field).encode()).attempt == expected


@pytest.mark.parametrize("message", [{"data": ""}, {"data": None}])
def test_a_message_of_attributes_alone_has_empty_data(message: dict[str, Any]) -> None:
    # Given a wake: the emulator sends empty data, others leave the field out.
    envelope = decode_push(JSON, json.dumps(wrapped(**message)).encode())

    assert envelope.data == b""
    assert envelope.attributes["tenant"] == "acme"


@pytest.mark.parametrize("attributes", [None, {}])
def test_a_message_without_attributes_has_none(attributes: dict[str, str] | None) -> None:
    assert decode_push(JSON, json.dumps(wrapped(attributes=attributes)).encode()).attributes == {}


NO_PUSH: dict[str, tuple[dict[str, str], object, str]] = {
    "nothing": (JSON, b"", "not JSON"),
    "a form": (JSON, f"a={SECRET}".encode(), "not JSON"),
    "not UTF-8": (JSON, b'{"message": "\xff"}', "not JSON"),
    "deep nesting": (JSON, b"[" * 200_000, "not JSON"),
    "5,000 digits": (JSON, b'{"message": ' + b"7" * 5_000 + b"}", "not JSON"),
    "a list": (JSON, [wrapped()], "body"),
    "a raw request": (JSON, {"prompt": SECRET}, "`message`"),
    "message a string": (JSON, {"message": SECRET, "subscription": SUBSCRIPTION}, "`message`"),
    "no subscription": (JSON, {"message": wrapped()["message"]}, "`subscription`"),
    "subscription a number": (JSON, wrapped() | {"subscription": 1}, "`subscription`"),
    "no message id": (JSON, wrapped(messageId=None, message_id=None), "`message.messageId`"),
    "an empty message id": (JSON, wrapped(messageId=""), "`message.messageId`"),
    "a message id that is a number": (JSON, wrapped(messageId=2070443601311540), "`message.messageId`"),
    "a message id no UTF-8 holds": (JSON, wrapped(messageId="\ud800"), "`message.messageId`"),
    "no publish time": (JSON, wrapped(publishTime=None, publish_time=None), "`message.publishTime`"),
    "a publish time that is a number": (JSON, wrapped(publishTime=1772133235), "`message.publishTime`"),
    "a publish time without offset": (
        JSON,
        wrapped(publishTime="2026-02-26T19:13:55"),
        "`message.publishTime`",
    ),
    "a CloudEvent without time": (
        BINARY,
        wrapped(publishTime=None, publish_time=None),
        "`message.publishTime`",
    ),
    "a CloudEvent's time that is none": (
        BINARY | {"ce-time": "now"},
        wrapped(publishTime=None, publish_time=None),
        "`message.publishTime`",
    ),
    "a CloudEvent's headers without an event": (
        {"ce-id": "1", "ce-time": "2020-01-01T00:00:00Z"},
        wrapped(messageId=None, message_id=None),
        "`message.messageId`",
    ),
    "data that is no base64": (JSON, wrapped(data=f"{SECRET}!"), "`message.data`"),
    "data with its end cut off": (JSON, wrapped(data="aGVsbG8"), "`message.data`"),
    "data with something behind it": (JSON, wrapped(data="aGVsbG8=aGVs"), "`message.data`"),
    "data that is an object": (JSON, wrapped(data={"prompt": SECRET}), "`message.data`"),
    "data beyond ASCII": (JSON, wrapped(data="é" * 4), "`message.data`"),
    "attributes that are a list": (JSON, wrapped(attributes=[SECRET]), "`message.attributes`"),
    "an attribute that is no string": (JSON, wrapped(attributes={"a": 1}), "`message.attributes`"),
    "an attribute that is nested": (JSON, wrapped(attributes={"a": {"b": SECRET}}), "`message.attributes`"),
    "an attribute no UTF-8 holds": (JSON, wrapped(attributes={"a": "\ud800"}), "`message.attributes`"),
    "an attribute name no UTF-8 holds": (JSON, wrapped(attributes={"\ud800": "a"}), "`message.attributes`"),
    "a delivery attempt that is a word": (JSON, wrapped() | {"deliveryAttempt": "1"}, "`deliveryAttempt`"),
    "a delivery attempt that is true": (JSON, wrapped() | {"deliveryAttempt": True}, "`deliveryAttempt`"),
    "a delivery attempt below zero": (JSON, wrapped() | {"deliveryAttempt": -1}, "`deliveryAttempt`"),
    "another binary CloudEvent": (
        BINARY | {"ce-type": "google.cloud.storage.object.v1.finalized"},
        wrapped(),
        PUBLISHED,
    ),
    "another structured CloudEvent": (STRUCTURED, event(wrapped(), "com.example.other"), PUBLISHED),
    "a structured CloudEvent without type": (STRUCTURED, {"data": wrapped()}, PUBLISHED),
    "a structured CloudEvent without data": (STRUCTURED, event(None), "`data`"),
    "a push body that claims to be a CloudEvent": (STRUCTURED, wrapped(), PUBLISHED),
    "a CloudEvent that hides its form": (JSON, event(wrapped()), "`message`"),
}


@pytest.mark.parametrize(("headers", "body", "says"), NO_PUSH.values(), ids=NO_PUSH.keys())
def test_what_is_no_push_is_refused(headers: dict[str, str], body: object, says: str) -> None:
    # If I decode it, I expect one sentence that names the part at fault,
    with pytest.raises(NotAPush) as refusal:
        decode_push(headers, body if isinstance(body, bytes) else json.dumps(body).encode())

    assert says in str(refusal.value)
    # and nothing of what was sent.
    assert SECRET not in "".join(traceback.format_exception(refusal.value))


unicode_text = st.text(st.characters(exclude_categories=["Cs"]))


@examples(200)
@given(
    st.builds(
        Envelope,
        data=st.binary(max_size=200),
        attributes=st.dictionaries(unicode_text, unicode_text, max_size=4),
        message_id=unicode_text.filter(bool),
        published_at=st.datetimes(timezones=st.just(UTC)),
        subscription=unicode_text.filter(bool),
        attempt=st.none() | st.integers(0, 100),
    )
)
@example(ENVELOPE)
def test_what_the_local_bus_encodes_is_what_the_functions_decode(envelope: Envelope) -> None:
    assert decode_push(JSON, encode_push(envelope)) == envelope


def test_the_encoded_push_has_the_fields_of_production() -> None:
    body = json.loads(encode_push(ENVELOPE))

    time = "2026-02-26T19:13:55.749000Z"
    assert body == wrapped(publishTime=time, publish_time=time)


def test_an_envelope_of_another_zone_is_encoded_in_utc() -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert format_time(moment) == "2025-12-31T23:00:00.000000Z"


def test_a_time_without_zone_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001 (the naive time is the point)


TIMES = {
    "2026-01-31T12:00:00Z": datetime(2026, 1, 31, 12, tzinfo=UTC),
    "2026-01-31t12:00:00z": datetime(2026, 1, 31, 12, tzinfo=UTC),
    "2026-01-31T12:00:00.5Z": datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=UTC),
    "2026-01-31T12:00:00.123456789Z": datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC),
    "2026-01-31T12:00:00-00:30": datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    "2026-01-31T12:00:00+14:00": datetime(2026, 1, 30, 22, tzinfo=UTC),
    "2024-02-29T23:59:59Z": datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_times_of_rfc_3339_are_read(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00Z",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+1:00",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00Z ",
        "2026-01-31T12:00:00Z\n",
        "٢٠٢٦-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_only_resembles_such_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)
