"""Reading replies: good ones of several servers, and everything that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.providers.chat_reply import completion_of, read_completion
from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.completion import ToolCall, Usage
from penstock.messages.request import CacheMode, Request

ASKED = Request(
    tenant="t",
    request_id="r",
    messages=({"role": "user", "content": "a prompt that is secret"},),
    model=None,
    params={},
    cache=CacheMode.AUTO,
    deadline=datetime(2026, 11, 21, tzinfo=UTC),
    metadata={},
    payload_sha256="0" * 64,
)
USAGE = {"prompt_tokens": 10, "completion_tokens": 4}


def reply(message: Any = None, finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hello"} if message is None else message
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"model": "m-1", "choices": [choice], "usage": USAGE} | fields


def read(body: Any) -> Any:
    return completion_of(body, ASKED, model="asked")


def test_a_plain_answer() -> None:
    answer = read(reply())
    assert (answer.text, answer.finish_reason, answer.model) == ("hello", "stop", "m-1")
    assert answer.usage == Usage(10, 4)
    assert answer.whole


def test_cached_and_reasoning_tokens_are_taken_over() -> None:
    details: dict[str, Any] = {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert read(reply(usage=USAGE | details)).usage == Usage(10, 4, cached_tokens=8, reasoning_tokens=3)
    # If a part is larger than its whole, I expect the whole: nobody may be charged a negative rest.
    details = {"prompt_tokens_details": {"cached_tokens": 80}, "completion_tokens_details": None}
    assert read(reply(usage=USAGE | details)).usage == Usage(10, 4, cached_tokens=10)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": 10},
        {"prompt_tokens": 10, "completion_tokens": None},
        {"prompt_tokens": -1, "completion_tokens": 4},
        {"prompt_tokens": 10.5, "completion_tokens": 4},
        {"prompt_tokens": True, "completion_tokens": 4},
        # No integer field of any store holds this.
        {"prompt_tokens": 10**30, "completion_tokens": 4},
    ],
)
def test_usage_that_is_missing_or_nonsense_is_estimated_and_marked(usage: Any) -> None:
    counted = read(reply(usage=usage)).usage
    assert counted.estimated
    assert counted.prompt_tokens > 0
    assert counted.completion_tokens == 2


@pytest.mark.parametrize(
    ("sent", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("something_new", "something_new"),
        (None, "unknown"),
        ("the secret prompt", "unknown"),
        (7, "unknown"),
    ],
)
def test_finish_reasons_of_several_servers(sent: Any, finish: str) -> None:
    answer = read(reply(finish=sent))
    assert answer.finish_reason == finish
    assert answer.whole == (finish in ("stop", "tool_calls"))


def test_tool_calls() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        # As TGI has sent them: no id, the arguments as an object.
        {"function": {"name": "g", "arguments": {"b": 2}}},
    ]
    answer = read(reply({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"))
    assert answer.text == ""
    assert answer.tool_calls == (ToolCall("c1", "f", '{"a": 1}'), ToolCall("call_1", "g", '{"b": 2}'))


def test_content_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}, {"type": "other"}]
    assert read(reply({"content": parts})).text == "hello"


@pytest.mark.parametrize("model", [None, "", 7, "m" * 300])
def test_a_model_that_is_not_named_is_the_one_that_was_asked(model: Any) -> None:
    assert read(reply(model=model)).model == "asked"


def test_lone_surrogates_are_replaced_so_that_the_answer_can_be_saved() -> None:
    # Given JSON whose escapes make half a character, I expect text that every store takes.
    data = json.dumps(reply({"content": "a\ud800b \U0001f600"})).encode()
    text = read_completion(data, ASKED, model="m").text
    assert text == "a\ufffdb \U0001f600"
    text.encode()


@pytest.mark.parametrize(
    "body",
    [
        reply({"content": "no", "refusal": "I will not"}),
        reply({"content": None, "refusal": "I will not"}),
        reply({"content": "half of it"}, "content_filter"),
        {"error": {"code": "content_filter"}},
    ],
)
def test_a_refusal_is_content_refused(body: Any) -> None:
    with pytest.raises(ProviderFailure) as refused:
        read(body)
    assert (refused.value.kind, refused.value.reason) == (FailureClass.FINAL, Reason.CONTENT_REFUSED)
    assert "I will not" not in refused.value.message


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        7,
        {},
        {"choices": []},
        {"choices": None},
        {"choices": "x"},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": "x"}]},
        reply({"content": 7}),
        reply({"content": [7]}),
        reply({"content": [{"text": 7}]}),
        reply({"content": None, "tool_calls": "x"}),
        reply({"content": None, "tool_calls": [7]}),
        reply({"content": None, "tool_calls": [{"function": {"arguments": "{}"}}]}),
        reply(finish="error"),
        {"error": {"message": "a prompt that is secret"}},
    ],
)
def test_what_is_no_completion_may_have_been_paid(body: Any) -> None:
    with pytest.raises(ProviderFailure) as failed:
        read(body)
    assert failed.value.kind is FailureClass.AMBIGUOUS
    assert "secret" not in failed.value.message


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"<html>", b"[" * 100_000, b'{"choices": [', b"nul"])
def test_bytes_that_are_no_json(data: bytes) -> None:
    with pytest.raises(ProviderFailure) as failed:
        read_completion(data, ASKED, model="m")
    assert failed.value.kind is FailureClass.AMBIGUOUS
    # And json's own error, which carries the text along, must not hang on to it.
    assert failed.value.__context__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "error", "code", "usage", "tool_calls", "function", "name"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_json_comes_there_is_an_answer_or_a_failure(body: Any) -> None:
    try:
        answer = read(body)
    except ProviderFailure:
        return
    json.dumps(answer.encode(), ensure_ascii=False).encode()


@given(json_values, json_values, json_values, json_values)
def test_the_same_inside_a_choice(message: Any, content: Any, usage: Any, calls: Any) -> None:
    for body in (reply(message, usage=usage), reply({"content": content, "tool_calls": calls}, message)):
        try:
            answer = read(body)
        except ProviderFailure:
            continue
        json.dumps(answer.encode(), ensure_ascii=False).encode()
