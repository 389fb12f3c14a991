"""Fuzz: whatever bytes arrive, only the declared errors leave the decoders.

The examples are the same on every run (tests/examples.py).
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import BadMessage, NotAPush
from penstock.messages.envelope import Envelope, decode_push, encode_push
from penstock.messages.request import Request, decode_request
from penstock.messages.strict_json import canonical
from tests.examples import examples

pytestmark = pytest.mark.slow

#: Planted where a prompt would be; no error may tell it.
SECRET = "hunter2-the-planted-secret"

REQUEST: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": SECRET}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c"},
    ],
    "request_id": "r1",
    "tenant": "acme",
    "model": "fast",
    "params": {
        "temperature": 0.5,
        "stop": ["a"],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    },
    "cache": "use",
    "deadline": "2026-05-01T13:00:00Z",
    "metadata": {"a": "b"},
}

HEADERS = [
    {},
    {"content-type": "application/cloudevents+json"},
    {"content-type": "application/json", "ce-type": "google.cloud.pubsub.topic.v1.messagePublished"},
]

#: Values that break things: every JSON type, edges of numbers, odd strings, depth.
ODD_NUMBERS = [0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf")]
ODD_TEXTS = ["", " ", "\0", "\ud800", SECRET, "__x__", "..", "<text>", "{0}", "%s", "9" * 5000]
ODD_TREES: list[Any] = [None, True, False, [], {}, [[]], {"": {}}]
odd = st.sampled_from([*ODD_NUMBERS, *ODD_TEXTS, *ODD_TREES])
values = st.recursive(
    odd | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def decode(envelope: Envelope) -> Request | str:
    """The request, or the sentence that refuses it; every other exception is a finding."""
    try:
        return decode_request(envelope, default_wait_s=3600)
    except BadMessage as refusal:
        return told(refusal)


def push(headers: dict[str, str], body: bytes) -> Request | str:
    """The whole way of a delivery: through the push decoder, and on when that finds an envelope."""
    try:
        envelope = decode_push(headers, body)
    except NotAPush as refusal:
        return told(refusal)
    return decode(envelope)


def told(refusal: Exception) -> str:
    """The refusal's sentence: short, fit for UTF-8, without what was sent."""
    sentence = str(refusal)
    assert SECRET not in sentence
    assert 0 < len(sentence.encode()) < 1024
    return sentence


def envelope_of(data: bytes, attributes: dict[str, str] | None = None) -> Envelope:
    return Envelope(data, attributes or {}, "2070443601311540", datetime(2026, 5, 1, 12, tzinfo=UTC), "s")


def places(tree: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value of a JSON tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [here] + [place for key, value in inner for place in places(value, (*here, key))]


def changed(tree: Any, place: tuple[Any, ...], change: str, value: Any) -> Any:
    """A copy of `tree` whose value at `place` is replaced, or is gone, or has an odd neighbour."""
    if not place:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    key, *rest = place
    if rest:
        copy[key] = changed(copy[key], tuple(rest), change, value)
    elif change == "replace":
        copy[key] = value
    elif change == "remove":
        del copy[key]
    elif isinstance(copy, dict):
        copy[str(value)[:20]] = value
    else:
        copy.append(value)
    return copy


changes = st.tuples(st.sampled_from(["replace", "remove", "add"]), values)


def test_the_request_that_is_fuzzed_is_a_valid_one() -> None:
    assert isinstance(decode(envelope_of(canonical(REQUEST))), Request)


@examples(500)
@given(st.sampled_from(HEADERS), st.binary(max_size=300))
def test_random_bytes_as_a_push(headers: dict[str, str], body: bytes) -> None:
    push(headers, body)


@examples(500)
@given(st.binary(max_size=300))
def test_random_bytes_as_a_message(data: bytes) -> None:
    decode(envelope_of(data))


@examples(500)
@given(st.data())
def test_a_valid_request_with_a_few_changes(data: st.DataObject) -> None:
    # Given a valid request, if up to three of its values are replaced, removed or added to,
    body: Any = REQUEST
    for _ in range(data.draw(st.integers(1, 3))):
        change, value = data.draw(changes)
        body = changed(body, data.draw(st.sampled_from(places(body))), change, value)

    # I expect a request or a refusal,
    request = decode(envelope_of(json.dumps(body).encode()))

    # and of a request, that everything in it can be stored and hashed.
    if isinstance(request, Request):
        canonical([list(request.messages), request.params, request.metadata])
        assert request.deadline.tzinfo is not None


@examples(500)
@given(st.sampled_from(HEADERS), st.data())
def test_a_valid_push_with_a_few_changes(headers: dict[str, str], data: st.DataObject) -> None:
    body: Any = json.loads(encode_push(envelope_of(canonical(REQUEST), {"tenant": "acme"})))
    if headers.get("content-type") == "application/cloudevents+json":
        body = {"type": "google.cloud.pubsub.topic.v1.messagePublished", "data": body}
    for _ in range(data.draw(st.integers(1, 3))):
        change, value = data.draw(changes)
        body = changed(body, data.draw(st.sampled_from(places(body))), change, value)

    push(headers, json.dumps(body).encode())


@examples(500)
@given(st.data())
def test_a_valid_message_with_flipped_bytes(data: st.DataObject) -> None:
    # Given the bytes of a valid request and of its push, if bytes are overwritten, doubled or cut,
    which = data.draw(st.sampled_from(["message", "push"]))
    good = canonical(REQUEST)
    spoilt = bytearray(good if which == "message" else encode_push(envelope_of(good)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt)))
        length = data.draw(st.integers(0, 8))
        spoilt[at : at + length] = data.draw(st.binary(max_size=8))

    if which == "message":
        decode(envelope_of(bytes(spoilt)))
    else:
        push({}, bytes(spoilt))


@examples(500)
@given(
    st.dictionaries(
        st.sampled_from(["tenant", "request_id", "penstock_kind", "deadline", "redrive_count", "fence"]),
        st.sampled_from(["", "acme", "r1", "redrive", "wake", "2026-05-01T13:00:00Z", "9999-12-31T23:59:59Z"])
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    )
)
def test_odd_attributes(attributes: dict[str, str]) -> None:
    decode(envelope_of(b'{"prompt":"p"}', attributes))


@examples(40)
@given(
    st.sampled_from(["[", '{"a":', '[{"a":', '{"messages":[', '{"params":{"tools":[']),
    st.integers(1, 60_000),
    st.booleans(),
)
def test_deep_nesting(opening: str, levels: int, closed: bool) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
    nested = (opening * levels + "1" + closing * levels * closed).encode()

    for data in (nested, b'{"prompt":"p","metadata":' + nested + b"}"):
        decode(envelope_of(data))
        push({}, data)
        push({}, b'{"message":' + data + b"}")


@examples(500)
@given(st.binary(max_size=60), st.booleans())
def test_odd_base64(data: bytes, valid: bool) -> None:
    text = base64.b64encode(data).decode() if valid else data.decode("latin-1")
    message = {"data": text, "messageId": "1", "publishTime": "2026-05-01T12:00:00Z"}

    push({}, json.dumps({"message": message, "subscription": "s"}).encode())
