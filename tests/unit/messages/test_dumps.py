"""What SDKs write by themselves is taken: what says nothing stays behind, what says something goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request, payload_digest
from penstock.paths import cache_key
from penstock.targets.routes import Target

USER = {"role": "user", "content": "weather?"}
CALL: dict[str, Any] = {"id": "a", "type": "function", "function": {"name": "w", "arguments": "{}"}}
TOOL = {"role": "tool", "tool_call_id": "a", "content": "20C"}


def decode(body: Any) -> Request:
    envelope = Envelope(json.dumps(body).encode(), {}, "1", datetime(2026, 5, 1, tzinfo=UTC), "s")
    return decode_request(envelope, default_wait_s=60)


def asked(*messages: Any) -> list[Any]:
    return list(decode({"messages": list(messages)}).messages)


def dumped(**message: Any) -> dict[str, Any]:
    """What the SDK makes of an answer, as a client appends it to its conversation."""
    return ChatCompletionMessage.model_validate({"role": "assistant", **message}).model_dump()


def test_a_dumped_text_goes_on_as_role_and_content() -> None:
    dump = dumped(content="Hello!")
    assert len(dump) > 5  # otherwise the SDK has changed, and this shows nothing
    assert asked(USER, dump, USER)[1] == {"role": "assistant", "content": "Hello!"}


def test_a_dumped_tool_call_goes_on_as_it_was_made() -> None:
    dump = dumped(content=None, tool_calls=[CALL])
    assert asked(USER, dump, TOOL)[1] == {"role": "assistant", "content": None, "tool_calls": [CALL]}


@pytest.mark.parametrize(
    "message",
    [
        {**USER, "name": None},
        {"role": "user", "content": [{"type": "text", "text": "x", "image_url": None, "citations": None}]},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://a", "detail": None}}],
        },
        {"role": "assistant", "content": "x", "additional_kwargs": {}, "invalid_tool_calls": []},
        {"role": "assistant", "content": "x", "reasoning_content": None, "reasoning_details": []},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0, "extra_content": None}]},
    ],
)
def test_what_is_null_or_empty_is_left_out_wherever_it_stands(message: Any) -> None:
    [taken] = asked(message)
    text = json.dumps(taken).replace('"content": null', "")
    assert "null" not in text
    assert "[]" not in text
    assert '"index"' not in text
    assert taken["content"] is None or taken["content"]


THOUGHT: list[dict[str, Any]] = [{"type": "reasoning.encrypted", "data": "c2ln", "format": None, "parts": []}]
BACK: dict[str, Any] = {
    "DeepSeek": {"content": None, "tool_calls": [CALL], "reasoning_content": "I need the weather."},
    "Groq, OpenRouter": {"content": "x", "reasoning": "I need the weather."},
    "OpenRouter": {"content": "x", "reasoning_details": THOUGHT},
    "Gemini, a call": {
        "content": None,
        "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "c2ln", "other": None}}}],
    },
    "Gemini, a text": {"content": "x", "extra_content": {"google": {"thought_signature": "c2ln"}}},
}


@pytest.mark.parametrize("of", BACK)
def test_thoughts_that_a_provider_wants_back_go_back_unchanged(of: str) -> None:
    message = {"role": "assistant", **BACK[of]}
    assert asked(USER, message, TOOL)[1] == message


def test_a_dump_asks_the_same_question_and_is_another_payload() -> None:
    """The cache knows it again; its digest is over what was sent, as the client computes it."""
    plain = {"messages": [USER, {"role": "assistant", "content": "Hello!"}, USER]}
    dump = {"messages": [USER, dumped(content="Hello!"), USER]}
    target = Target(name="t", provider="openai", model="m")
    assert cache_key(decode(plain), target) == cache_key(decode(dump), target)
    assert decode(dump).payload_sha256 == payload_digest(dump) != payload_digest(plain)


def nested(levels: int, *, nullable: bool) -> dict[str, Any]:
    """A schema of so many objects, each in a list of the one around it."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"unit": {"type": "string", "enum": ["g", "ml"]}},
    }
    for _ in range(levels - 1):
        items = {"anyOf": [schema, {"type": "null"}]} if nullable else schema
        schema = {
            "type": "object",
            "properties": {"of": {"type": "array", "items": items}},
            "required": ["of"],
        }
    return schema


@pytest.mark.parametrize("nullable", [False, True])
def test_schemas_of_ten_levels_are_taken_wherever_a_schema_may_stand(*, nullable: bool) -> None:
    schema = nested(10, nullable=nullable)
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    request = decode({"prompt": "p", "params": {"response_format": form, "tools": tools}})
    assert request.params["response_format"] == form
    assert request.params["tools"] == tools
