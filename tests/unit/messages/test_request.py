"""Requests: every rule of the request message, and one sentence for every way to break it."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.errors import BadMessage, Reason
from penstock.messages.envelope import Envelope
from penstock.messages.request import CacheMode, Request, decode_request, payload_digest

SECRET = "hunter2-the-planted-secret"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = 3600.0

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": 1}'}}
TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
SCHEMA = {"name": "answer", "schema": {"type": "object"}, "strict": True, "description": "d"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}


def decode(
    body: Any, attributes: Mapping[str, str] | None = None, message_id: str = "2070443601311540"
) -> Request:
    """The request in a message published at NOON; `body` is bytes or becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    envelope = Envelope(data, attributes or {}, message_id, NOON, "projects/p/subscriptions/s")
    return decode_request(envelope, default_wait_s=HOUR)


def refusal(
    body: Any, attributes: Mapping[str, str] | None = None, message_id: str = "2070443601311540"
) -> str:
    """The sentence that refuses it, after the checks that hold for every refusal."""
    with pytest.raises(BadMessage) as caught:
        decode(body, attributes, message_id)
    assert caught.value.reason is Reason.MALFORMED
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 1024
    assert "\n" not in sentence
    return sentence


def test_the_least_request_takes_every_default() -> None:
    assert decode({"prompt": "hi"}) == Request(
        tenant="default",
        request_id="2070443601311540",
        messages=(USER,),
        model=None,
        params={},
        cache=CacheMode.AUTO,
        deadline=NOON + timedelta(hours=1),
        metadata={},
        payload_sha256=hashlib.sha256(b'{"prompt":"hi"}').hexdigest(),
    )


def test_a_full_request_keeps_everything_the_client_set() -> None:
    params = {
        "temperature": 0.7,
        "top_p": 1,
        "max_tokens": 100,
        "seed": -7,
        "stop": ["a", "b"],
        "frequency_penalty": -2,
        "presence_penalty": 2.0,
        "response_format": {"type": "json_schema", "json_schema": SCHEMA},
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "look_up"}},
        "reasoning_effort": "low",
    }
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, IMAGE], "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]
    body = {
        "messages": messages,
        "request_id": "order:2026-05.A_1",
        "tenant": "acme",
        "model": "fast",
        "params": params,
        "cache": "use",
        "deadline": "2026-05-01T14:30:00.5+02:00",
        "metadata": {"customer": "7", "note": "ü"},
    }

    request = decode(body)

    assert list(request.messages) == messages
    assert request.params == params
    assert (request.tenant, request.request_id, request.model) == ("acme", "order:2026-05.A_1", "fast")
    assert request.cache is CacheMode.USE
    assert request.deadline == NOON + timedelta(minutes=30, seconds=0.5)
    assert request.metadata == {"customer": "7", "note": "ü"}
    assert request.payload_sha256 == payload_digest(body)


# What is taken beside that: the edges of every range.

TAKEN: dict[str, dict[str, Any]] = {
    "a temperature of 0": {"prompt": "p", "params": {"temperature": 0}},
    "a temperature of 2": {"prompt": "p", "params": {"temperature": 2}},
    "a tiny top_p": {"prompt": "p", "params": {"top_p": 1e-9}},
    "one token": {"prompt": "p", "params": {"max_tokens": 1}},
    "the greatest seed": {"prompt": "p", "params": {"seed": 2**63 - 1}},
    "one stop string": {"prompt": "p", "params": {"stop": "END"}},
    "four stop strings": {"prompt": "p", "params": {"stop": ["a", "b", "c", "d"]}},
    "penalties at their ends": {"prompt": "p", "params": {"frequency_penalty": 2, "presence_penalty": -2}},
    "free text": {"prompt": "p", "params": {"response_format": {"type": "text"}}},
    "any JSON": {"prompt": "p", "params": {"response_format": {"type": "json_object"}}},
    "a function without parameters": {
        "prompt": "p",
        "params": {"tools": [{"type": "function", "function": {"name": "now"}}]},
    },
    "a word as tool choice": {"prompt": "p", "params": {"tools": [TOOL], "tool_choice": "required"}},
    "no params at all": {"prompt": "p", "params": {}},
    "a data URL": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}],
            }
        ]
    },
    "tool calls without content": {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]},
    "tool calls with content": {
        "messages": [USER, {"role": "assistant", "content": "wait", "tool_calls": [CALL]}]
    },
    "a tool that said nothing": {"messages": [USER, {"role": "tool", "content": "", "tool_call_id": "c1"}]},
    "ids of full length": {"prompt": "p", "request_id": "r" * 128, "tenant": "t" * 64},
    "ids of one character": {"prompt": "p", "request_id": "0", "tenant": "Z"},
    "a model's own name": {"prompt": "p", "model": "meta-llama/Llama-3.1-8B:free"},
    "31 days": {"prompt": "p", "max_wait_s": 31 * 24 * 3600},
    "4096 bytes of metadata": {"prompt": "p", "metadata": {"k": "v" * (4096 - len('{"k":""}'))}},
    "metadata keys of every kind": {"prompt": "p", "metadata": {"_a.B-9": "", "k" * 64: ""}},
    "no metadata": {"prompt": "p", "metadata": {}},
    **{
        f"an effort of {e}": {"prompt": "p", "params": {"reasoning_effort": e}}
        for e in ("none", "minimal", "low", "medium", "high", "xhigh")
    },
    **{f"cache {mode}": {"prompt": "p", "cache": mode} for mode in ("auto", "use", "refresh", "off")},
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_what_the_contract_allows_is_taken(body: dict[str, Any]) -> None:
    request = decode(body)

    assert request.params == body.get("params", {})
    assert list(request.messages) == body.get("messages", [{"role": "user", "content": "p"}])


# The body as a whole.


def test_bytes_that_are_no_strict_json_are_refused() -> None:
    # The rules of strict JSON have a test of their own; here: that they are asked.
    assert "not JSON" in refusal(f"Tell me about {SECRET}".encode())
    assert "not UTF-8" in refusal(b'{"prompt": "\xff"}')
    assert "lone surrogate" in refusal(f'{{"prompt": "{SECRET}\\ud800"}}'.encode())
    assert "NaN" in refusal(b'{"prompt": "p", "params": {"temperature": NaN}}')
    assert "64 bits" in refusal(b'{"prompt": "p", "params": {"seed": 9223372036854775808}}')
    assert "empty" in refusal(b"")


REFUSED: dict[str, tuple[Any, str]] = {
    # one question
    "no question": ({}, "exactly one of `prompt` and `messages`"),
    "two questions": ({"prompt": SECRET, "messages": [USER]}, "exactly one of `prompt` and `messages`"),
    "an empty prompt": ({"prompt": ""}, "`prompt`"),
    "a blank prompt": ({"prompt": " \n\t"}, "`prompt`"),
    "a prompt that is null": ({"prompt": None}, "`prompt` must be a string"),
    "a prompt that is a number": ({"prompt": 7}, "`prompt` must be a string"),
    "a prompt that is a list": ({"prompt": [SECRET]}, "`prompt` must be a string"),
    "no messages": ({"messages": []}, "`messages` must not be empty"),
    "messages that are a string": ({"messages": SECRET}, "`messages` must be a list"),
    "messages that are null": ({"messages": None}, "`messages` must be a list"),
    # unknown fields
    "an unknown field": ({"prompt": SECRET, "temprature": SECRET}, "`temprature` is not a known field"),
    "a field not built yet": ({"prompt": "p", "lane": "batch"}, "`lane` is not a known field"),
    "an unknown field named like a union tag": ({"prompt": "p", "<text>": 1}, "is not a known field"),
    "a prompt where a name belongs": ({"prompt": "p", f"say {SECRET}": 1}, "is not a known field"),
    "a thousand unknown fields": ({f"f{i}": SECRET for i in range(1000)}, "too many fields"),
    "an unknown param": ({"prompt": "p", "params": {"top_k": 4}}, "`params.top_k` is not a known field"),
    "another name for a param": (
        {"prompt": "p", "params": {"max_completion_tokens": 4}},
        "`params.max_completion_tokens` is not a known field",
    ),
    # ids and names
    "an id with a slash": (
        {"prompt": "p", "request_id": f"a/{SECRET}"},
        "`request_id` must be 1 to 128 characters",
    ),
    "an empty id": ({"prompt": "p", "request_id": ""}, "`request_id` must be 1 to 128 characters"),
    "an id that is too long": (
        {"prompt": "p", "request_id": "r" * 129},
        "`request_id` must be 1 to 128 characters",
    ),
    "an id that starts with a dot": (
        {"prompt": "p", "request_id": ".a"},
        "`request_id` must be 1 to 128 characters",
    ),
    "an id that ends in a line": (
        {"prompt": "p", "request_id": "a\n"},
        "`request_id` must be 1 to 128 characters",
    ),
    "an id with other letters": (
        {"prompt": "p", "request_id": "aé"},
        "`request_id` must be 1 to 128 characters",
    ),
    "an id with other digits": (
        {"prompt": "p", "request_id": "a٣"},
        "`request_id` must be 1 to 128 characters",
    ),
    "an id that is a number": ({"prompt": "p", "request_id": 7}, "`request_id` must be a string"),
    "an id that is null": ({"prompt": "p", "request_id": None}, "`request_id` must be a string"),
    "a tenant that is too long": ({"prompt": "p", "tenant": "t" * 65}, "`tenant` must be 1 to 64 characters"),
    "an empty tenant": ({"prompt": "p", "tenant": ""}, "`tenant` must be 1 to 64 characters"),
    "a tenant that is no path step": ({"prompt": "p", "tenant": "."}, "`tenant` must be 1 to 64 characters"),
    "a tenant that is a step back": ({"prompt": "p", "tenant": ".."}, "`tenant` must be 1 to 64 characters"),
    "a tenant that Firestore reserves": (
        {"prompt": "p", "tenant": "__x__"},
        "`tenant` must be 1 to 64 characters",
    ),
    "an empty model": ({"prompt": "p", "model": ""}, "`model` must not be empty"),
    "a model that is too long": (
        {"prompt": "p", "model": "m" * 257},
        "`model` must have at most 256 characters",
    ),
    "a model that is null": ({"prompt": "p", "model": None}, "`model` must be a string"),
    "an unknown cache mode": (
        {"prompt": "p", "cache": SECRET},
        "`cache` must be 'auto', 'use', 'refresh', 'off' or 'similar'",
    ),
    "a cache mode that is true": ({"prompt": "p", "cache": True}, "`cache` must be 'auto'"),
    # waiting
    "two ends": (
        {"prompt": "p", "deadline": "2026-05-01T13:00:00Z", "max_wait_s": 5},
        "`deadline` or `max_wait_s`, not both",
    ),
    "a deadline in words": ({"prompt": "p", "deadline": SECRET}, "`deadline` must be an RFC 3339 time"),
    "a deadline without offset": (
        {"prompt": "p", "deadline": "2026-05-01T13:00:00"},
        "`deadline` must be an RFC 3339 time",
    ),
    "a deadline that is a number": ({"prompt": "p", "deadline": 1777640400}, "`deadline` must be a string"),
    "a deadline years away": (
        {"prompt": "p", "deadline": "2031-05-01T13:00:00Z"},
        "`deadline` must lie at most 31 days",
    ),
    "a deadline at the end of time": (
        {"prompt": "p", "deadline": "9999-12-31T23:59:59Z"},
        "`deadline` must lie at most 31 days",
    ),
    "no wait": ({"prompt": "p", "max_wait_s": 0}, "`max_wait_s` must be greater than 0"),
    "a wait below zero": ({"prompt": "p", "max_wait_s": -1.5}, "`max_wait_s` must be greater than 0"),
    "a wait over 31 days": (
        {"prompt": "p", "max_wait_s": 31 * 24 * 3600 + 1},
        "`max_wait_s` must be at most 2678400",
    ),
    "a wait that is true": ({"prompt": "p", "max_wait_s": True}, "`max_wait_s` must be a number"),
    "a wait in words": ({"prompt": "p", "max_wait_s": "60"}, "`max_wait_s` must be a number"),
    # metadata
    "metadata that is a list": ({"prompt": "p", "metadata": [SECRET]}, "`metadata` must be an object"),
    "metadata that is nested": (
        {"prompt": "p", "metadata": {"a": {"b": SECRET}}},
        "`metadata.a` must be a string",
    ),
    "metadata with a number": ({"prompt": "p", "metadata": {"a": 1}}, "`metadata.a` must be a string"),
    "a metadata key Firestore reserves": ({"prompt": "p", "metadata": {"__a": "b"}}, "`metadata` has a key"),
    "a metadata key with a space": (
        {"prompt": "p", "metadata": {f"a {SECRET}": "b"}},
        "`metadata` has a key",
    ),
    "an empty metadata key": ({"prompt": "p", "metadata": {"": "b"}}, "`metadata` has a key"),
    "a long metadata key": ({"prompt": "p", "metadata": {"k" * 65: "b"}}, "`metadata` has a key"),
    "4097 bytes of metadata": (
        {"prompt": "p", "metadata": {"k": "v" * (4097 - len('{"k":""}'))}},
        "`metadata` must be at most 4096 bytes",
    ),
    "4097 bytes in fewer characters": (
        {"prompt": "p", "metadata": {"k": "é" * 2045}},
        "`metadata` must be at most 4096 bytes",
    ),
    "far too much metadata": (
        {"prompt": "p", "metadata": {f"k{i}": 1 for i in range(5000)}},
        "`metadata` must be at most 4096 bytes",
    ),
    # more than one fault
    "five faults": (
        {"prompt": 1, "cache": 1, "model": 1, "tenant": 1, "deadline": 1},
        "`prompt` must be a string; `model` must be a string; "
        "`cache` must be 'auto', 'use', 'refresh', 'off' or 'similar'; and 2 more.",
    ),
}

PARAMS: dict[str, tuple[Any, str]] = {
    "params that are a list": ([], "`params` must be an object"),
    "params that are null": (None, "`params` must be an object"),
    "temperature over 2": ({"temperature": 2.1}, "`params.temperature` must be at most 2"),
    "temperature below 0": ({"temperature": -0.1}, "`params.temperature` must be at least 0"),
    "temperature true": ({"temperature": True}, "`params.temperature` must be a number"),
    "temperature a string": ({"temperature": SECRET}, "`params.temperature` must be a number"),
    "temperature null": ({"temperature": None}, "`params.temperature` must be a number"),
    "top_p 0": ({"top_p": 0}, "`params.top_p` must be greater than 0"),
    "top_p over 1": ({"top_p": 1.01}, "`params.top_p` must be at most 1"),
    "max_tokens 0": ({"max_tokens": 0}, "`params.max_tokens` must be at least 1"),
    "max_tokens a fraction": ({"max_tokens": 1.5}, "`params.max_tokens` must be a whole number"),
    "max_tokens a whole float": ({"max_tokens": 5.0}, "`params.max_tokens` must be a whole number"),
    "max_tokens true": ({"max_tokens": True}, "`params.max_tokens` must be a whole number"),
    "seed a string": ({"seed": "7"}, "`params.seed` must be a whole number"),
    "seed false": ({"seed": False}, "`params.seed` must be a whole number"),
    "stop an empty string": ({"stop": ""}, "`params.stop` must not be empty"),
    "stop an empty list": ({"stop": []}, "`params.stop` must not be empty"),
    "stop five strings": ({"stop": ["a", "b", "c", "d", "e"]}, "`params.stop` must have at most 4 items"),
    "stop a list with a number": ({"stop": ["a", 1]}, "`params.stop[1]` must be a string"),
    "stop a list with an empty string": ({"stop": ["a", ""]}, "`params.stop[1]` must not be empty"),
    "stop a number": ({"stop": 1}, "`params.stop` must be a string or 1 to 4 strings"),
    "frequency_penalty over 2": ({"frequency_penalty": 2.5}, "`params.frequency_penalty` must be at most 2"),
    "presence_penalty below -2": (
        {"presence_penalty": -2.5},
        "`params.presence_penalty` must be at least -2",
    ),
    "response_format a word": (
        {"response_format": "json_object"},
        "`params.response_format` must be an object",
    ),
    "response_format unknown": (
        {"response_format": {"type": SECRET}},
        "`params.response_format.type` must be 'text', 'json_object' or 'json_schema'",
    ),
    "json_schema without schema": (
        {"response_format": {"type": "json_schema"}},
        "`params.response_format` needs `json_schema`",
    ),
    "json_object with schema": (
        {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
        "`params.response_format` needs `json_schema`",
    ),
    "a schema without a name": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "`params.response_format.json_schema.name` is missing",
    ),
    "a schema without its object": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "`params.response_format.json_schema.schema` is missing",
    ),
    "a schema that is a string": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SECRET}}},
        "`params.response_format.json_schema.schema` must be an object",
    ),
    "a schema with an unknown field": (
        {"response_format": {"type": "json_schema", "json_schema": SCHEMA | {"x": SECRET}}},
        "`params.response_format.json_schema.x` is not a known field",
    ),
    "no tools": ({"tools": []}, "`params.tools` must not be empty"),
    "129 tools": ({"tools": [TOOL] * 129}, "`params.tools` must have at most 128 items"),
    "tools that are no functions": (
        {"tools": [{"type": "web_search"}]},
        "`params.tools[0].type` must be 'function'",
    ),
    "a tool without function": ({"tools": [{"type": "function"}]}, "`params.tools[0].function` is missing"),
    "a tool with a bad name": (
        {"tools": [{"type": "function", "function": {"name": f"a {SECRET}"}}]},
        "`params.tools[0].function.name` must be 1 to 64 characters",
    ),
    "a tool with a long name": (
        {"tools": [{"type": "function", "function": {"name": "n" * 65}}]},
        "`params.tools[0].function.name` must be 1 to 64 characters",
    ),
    "a tool with listed parameters": (
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]},
        "`params.tools[0].function.parameters` must be an object",
    ),
    "a tool with strict 1": (
        {"tools": [{"type": "function", "function": {"name": "a", "strict": 1}}]},
        "`params.tools[0].function.strict` must be true or false",
    ),
    "a tool with an unknown field": (
        {"tools": [{"type": "function", "function": {"name": "a", "x": 1}}]},
        "`params.tools[0].function.x` is not a known field",
    ),
    "a choice without tools": ({"tool_choice": "auto"}, "`tool_choice` without `tools`"),
    "an unknown choice": (
        {"tools": [TOOL], "tool_choice": SECRET},
        "`params.tool_choice` must be 'none', 'auto' or 'required'",
    ),
    "a choice that is a number": (
        {"tools": [TOOL], "tool_choice": 1},
        "`params.tool_choice` must be 'none', 'auto', 'required' or an object",
    ),
    "a choice of an undeclared tool": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        "a function that `tools` does not declare",
    ),
    "a choice without a name": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {}}},
        "`params.tool_choice.function.name` is missing",
    ),
    "an unknown effort": (
        {"reasoning_effort": "most"},
        "`params.reasoning_effort` must be 'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'",
    ),
}

MESSAGES: dict[str, tuple[Any, str]] = {
    "a message that is a string": (SECRET, "`messages[1]` must be an object"),
    "an empty message": ({}, "`messages[1].role` is missing"),
    "an unknown role": (
        {"role": "boss", "content": SECRET},
        "`messages[1].role` must be 'system', 'developer', 'user', 'assistant' or 'tool'",
    ),
    "an unknown field": (
        {"role": "user", "content": SECRET, "weight": 1},
        "`messages[1].weight` is not a known field",
    ),
    "no content": ({"role": "user"}, "`messages[1]` needs `content`"),
    "null content": ({"role": "assistant", "content": None}, "`messages[1]` needs `content`"),
    "null content of a tool": (
        {"role": "tool", "content": None, "tool_call_id": "c"},
        "`messages[1]` needs `content`",
    ),
    "content a number": (
        {"role": "user", "content": 7},
        "`messages[1].content` must be a string or a list of parts",
    ),
    "content an object": (
        {"role": "user", "content": {"text": SECRET}},
        "`messages[1].content` must be a string or a list of parts",
    ),
    "no parts": ({"role": "assistant", "content": []}, "`messages[1].content` must not be empty"),
    "an empty user message": ({"role": "user", "content": " "}, "`messages[1]` has an empty `content`"),
    "a user message of an empty part": (
        {"role": "user", "content": [{"type": "text", "text": ""}]},
        "`messages[1]` has an empty `content`",
    ),
    "a part that is a string": (
        {"role": "user", "content": [SECRET]},
        "`messages[1].content[0]` must be an object",
    ),
    "a part of unknown type": (
        {"role": "user", "content": [{"type": "input_audio"}]},
        "`messages[1].content[0].type` must be 'text' or 'image_url'",
    ),
    "a text part without text": (
        {"role": "user", "content": [{"type": "text"}]},
        "`messages[1].content[0]` needs the field that its type names",
    ),
    "a text part with an image": (
        {"role": "user", "content": [IMAGE | {"type": "text", "text": SECRET}]},
        "`messages[1].content[0]` needs the field that its type names",
    ),
    "an image part with text": (
        {"role": "user", "content": [{"type": "image_url", "text": SECRET}]},
        "`messages[1].content[0]` needs the field that its type names",
    ),
    "a text that is a number": (
        {"role": "user", "content": [{"type": "text", "text": 1}]},
        "`messages[1].content[0].text` must be a string",
    ),
    "an image that is a string": (
        {"role": "user", "content": [{"type": "image_url", "image_url": f"https://{SECRET}"}]},
        "`messages[1].content[0].image_url` must be an object",
    ),
    "an image of unknown detail": (
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://a", "detail": "ultra"}}],
        },
        "`messages[1].content[0].image_url.detail` must be",
    ),
    **{
        f"an image at {url}": (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]},
            "`messages[1].content[0].image_url` needs a `url` that starts with https:// or data:image/",
        )
        for url in (
            "",
            "https://",
            "http://example.com/a.png",
            "file:///etc/passwd",
            "gs://b/o",
            "data:text/html,x",
            "data:image/",
            f" https://{SECRET}",
        )
    },
    "tool calls of a user": (
        {"role": "user", "content": "x", "tool_calls": [CALL]},
        "`messages[1]` has `tool_calls`",
    ),
    "no tool calls, and nothing said": (
        {"role": "assistant", "content": None, "tool_calls": []},
        "`messages[1]` needs `content`",
    ),
    "thoughts of a user": (
        {"role": "user", "content": "x", "reasoning_content": SECRET},
        "`messages[1]` has `reasoning_content`, which only an assistant message may have",
    ),
    "thoughts that are no text": (
        {"role": "assistant", "content": "x", "reasoning_content": [SECRET]},
        "`messages[1].reasoning_content` must be a string",
    ),
    "a refusal that was said": (
        {"role": "assistant", "content": None, "refusal": SECRET},
        "`messages[1].refusal` is not a known field",
    ),
    "a legacy call that was made": (
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        "`messages[1].function_call` is not a known field",
    ),
    "annotations that hold something": (
        {"role": "assistant", "content": "x", "annotations": [{"type": "url_citation"}]},
        "`messages[1].annotations` is not a known field",
    ),
    "an index of another place": (
        {"role": "assistant", "tool_calls": [CALL | {"index": 1}]},
        "`messages[1].tool_calls[0].index` is not a known field",
    ),
    "a tool call without id": (
        {"role": "assistant", "tool_calls": [CALL | {"id": ""}]},
        "`messages[1].tool_calls[0].id` must not be empty",
    ),
    "a tool call with parsed arguments": (
        {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "a", "arguments": {"q": SECRET}}}]},
        "`messages[1].tool_calls[0].function.arguments` must be a string",
    ),
    "a tool message without its call": (
        {"role": "tool", "content": "x"},
        "`messages[1]` needs `tool_call_id`",
    ),
    "a tool call id of a user": (
        {"role": "user", "content": "x", "tool_call_id": "c"},
        "`messages[1]` needs `tool_call_id` in a tool message, and only there",
    ),
    "a name with a space": (
        {"role": "user", "content": "x", "name": f"a {SECRET}"},
        "`messages[1].name` must be 1 to 64 characters",
    ),
}

BODIES = (
    REFUSED
    | {f"params: {case}": ({"prompt": SECRET, "params": p}, says) for case, (p, says) in PARAMS.items()}
    | {f"messages: {case}": ({"messages": [USER, m]}, says) for case, (m, says) in MESSAGES.items()}
)


@pytest.mark.parametrize(("body", "says"), BODIES.values(), ids=BODIES.keys())
def test_every_broken_rule_is_named_and_no_value_is_told(body: Any, says: str) -> None:
    assert says in refusal(body)


def test_a_long_list_of_wrong_items_is_refused_at_its_first() -> None:
    # Given 200,000 wrong messages: a sentence about each would take gigabytes.
    assert refusal({"messages": [1] * 200_000}) == "`messages[0]` must be an object."


# Attributes.


def test_attributes_name_tenant_and_request_where_the_body_does_not() -> None:
    request = decode({"prompt": "hi"}, {"tenant": "acme", "request_id": "r1"})

    assert (request.tenant, request.request_id) == ("acme", "r1")


def test_attributes_that_agree_with_the_body_change_nothing() -> None:
    body = {"prompt": "hi", "tenant": "acme", "request_id": "r1"}

    assert decode(body, {"tenant": "acme", "request_id": "r1"}) == decode(body)


@pytest.mark.parametrize("name", ["tenant", "request_id"])
def test_attributes_that_disagree_with_the_body_are_refused(name: str) -> None:
    sentence = refusal({"prompt": "hi", name: SECRET}, {name: "other"})

    assert f"`{name}` differs between the body and the attributes" in sentence


@pytest.mark.parametrize("name", ["tenant", "request_id"])
@pytest.mark.parametrize("value", ["", "a/b", f"é{SECRET}", "r" * 129])
def test_attributes_keep_to_the_alphabet_of_ids(name: str, value: str) -> None:
    assert f"The attribute `{name}` must be 1 to" in refusal({"prompt": "hi"}, {name: value})


def test_other_attributes_are_nobodys_business() -> None:
    attributes = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "googclient_schemaencoding": "JSON",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "penstock_fancy": "x",
        "deadline": SECRET,
        "colour": "blue",
    }

    assert decode({"prompt": "hi"}, attributes) == decode({"prompt": "hi"})


def test_a_message_id_that_is_no_request_id_asks_for_one() -> None:
    assert "`request_id` is missing" in refusal({"prompt": "hi"}, message_id="a/b")
    assert decode({"prompt": "hi", "request_id": "r1"}, message_id="a/b").request_id == "r1"


# Deadlines.

ENDS: dict[str, tuple[dict[str, Any], timedelta]] = {
    "a wait": ({"max_wait_s": 90}, timedelta(seconds=90)),
    "part of a second": ({"max_wait_s": 0.25}, timedelta(seconds=0.25)),
    "a deadline": ({"deadline": "2026-05-01T12:00:10Z"}, timedelta(seconds=10)),
    "a deadline that has passed": (
        {"deadline": "2020-01-01T00:00:00Z"},
        datetime(2020, 1, 1, tzinfo=UTC) - NOON,
    ),
    "a deadline of 31 days by a fast clock": (
        {"deadline": "2026-06-01T12:00:30Z"},
        timedelta(days=31, seconds=30),
    ),
}


@pytest.mark.parametrize(("field", "wait"), ENDS.values(), ids=ENDS.keys())
def test_a_client_waits_as_long_as_it_says_counted_from_publishing(
    field: dict[str, Any], wait: timedelta
) -> None:
    request = decode({"prompt": "hi"} | field)

    assert request.deadline == NOON + wait
    assert request.deadline.utcoffset() == timedelta(0)


def test_a_publish_time_at_the_end_of_time_is_refused() -> None:
    late = Envelope(b'{"prompt":"hi"}', {}, "1", datetime.max.replace(tzinfo=UTC), "s")

    with pytest.raises(BadMessage, match="publish time"):
        decode_request(late, default_wait_s=HOUR)


# Redrives.


def redrive(body: dict[str, Any], **attributes: str) -> Request:
    return decode(body, {"penstock_kind": "redrive", "redrive_count": "1"} | attributes)


@pytest.mark.parametrize("end", [{}, {"max_wait_s": 5}, {"deadline": "2020-01-01T00:00:00Z"}])
def test_a_redrive_brings_ids_and_a_deadline_that_replaces_the_bodys(end: dict[str, Any]) -> None:
    # Given the original bytes of a request that named no id, and whose own time is over
    request = redrive({"prompt": "hi"} | end, tenant="acme", request_id="r1", deadline="2026-05-01T12:30:00Z")

    assert (request.tenant, request.request_id) == ("acme", "r1")
    assert request.deadline == NOON + timedelta(minutes=30)
    # It is the same question.
    assert request.payload_sha256 == decode({"prompt": "hi"}).payload_sha256


def test_a_redrive_without_deadline_has_that_of_the_body() -> None:
    assert redrive({"prompt": "hi", "max_wait_s": 5}, request_id="r1").deadline == NOON + timedelta(seconds=5)


def test_a_redrive_of_no_known_request_is_refused() -> None:
    # If it took the new message's id, it would be a new request and paid again.
    assert "redrive needs `request_id`" in refusal({"prompt": "hi"}, {"penstock_kind": "redrive"})
    assert redrive({"prompt": "hi", "request_id": "r1"}).request_id == "r1"


def test_a_redrive_that_disagrees_with_the_body_is_refused() -> None:
    sentence = refusal({"prompt": "hi", "request_id": "r1"}, {"penstock_kind": "redrive", "request_id": "r2"})

    assert "`request_id` differs" in sentence


@pytest.mark.parametrize("text", ["", SECRET, "2026-05-01T12:30:00", "2027-05-01T12:30:00Z"])
def test_a_redrive_with_a_wrong_deadline_is_refused(text: str) -> None:
    sentence = refusal({"prompt": "hi"}, {"penstock_kind": "redrive", "request_id": "r1", "deadline": text})

    assert sentence.startswith("The attribute `deadline` must")


# The payload digest.


def test_who_asks_and_until_when_is_not_part_of_the_payload() -> None:
    plain = payload_digest({"prompt": "hi"})

    assert payload_digest({"prompt": "hi", "request_id": "r", "tenant": "t", "deadline": "d"}) == plain
    assert payload_digest({"prompt": "hi", "max_wait_s": 1}) == plain


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "hi "},
        {"messages": [USER]},
        {"prompt": "hi", "model": "fast"},
        {"prompt": "hi", "params": {"seed": 1}},
        {"prompt": "hi", "cache": "off"},
        {"prompt": "hi", "metadata": {"a": "b"}},
    ],
)
def test_everything_else_is_part_of_the_payload(other: dict[str, Any]) -> None:
    assert decode(other).payload_sha256 != decode({"prompt": "hi"}).payload_sha256


def test_spelling_is_not_part_of_the_payload() -> None:
    one = decode('{"prompt": "ü", "model": "fast"}'.encode())
    other = decode(b'{ "model" : "fast" , "prompt" : "\\u00fc" }')

    assert one.payload_sha256 == other.payload_sha256


def test_a_client_computes_the_digest_by_the_documented_line() -> None:
    body = {"prompt": "größe", "request_id": "r", "deadline": "d", "metadata": {"b": "1", "a": "2"}}

    by_hand = hashlib.sha256(
        json.dumps(
            {k: v for k, v in body.items() if k not in ("request_id", "tenant", "deadline", "max_wait_s")},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
    ).hexdigest()
    assert payload_digest(body) == by_hand
