"""Reading replies: good ones of several servers, and everything that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.providers.chat_reply import read_completion
from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.completion import Usage, Withheld
from tests.unit.adapters.providers.replies import ASKED, USAGE, read, reply


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
        *((word, "stop") for word in ("STOP", "end", "end_turn", "eos", "", None, "FINISH_REASON_STOP")),
        *((word, "length") for word in ("MAX_TOKENS", "max_tokens", "model_length", "max-tokens")),
        *((word, "tool_calls") for word in ("tool_use", "TOOL_CALLS", "tool_call")),
        ("something_new", "something_new"),
        ("the secret prompt", "unknown"),
        (7, "unknown"),
    ],
)
def test_finish_reasons_of_several_servers(sent: Any, finish: str) -> None:
    answer = read(reply(finish=sent))
    assert answer.finish_reason == finish
    assert answer.whole == (finish in ("stop", "tool_calls"))


@pytest.mark.parametrize("model", [None, "", 7, "m" * 300])
def test_a_model_that_is_not_named_is_the_one_that_was_asked(model: Any) -> None:
    assert read(reply(model=model)).model == "asked"


@pytest.mark.parametrize(
    "body",
    [
        reply({"content": "no", "refusal": "I will not"}),
        reply({"content": None, "refusal": "I will not"}),
        reply({"content": [{"type": "refusal", "refusal": "I will not"}]}),
        reply({"content": "half of it"}, "content_filter"),
        reply({"content": "half of it"}, "SAFETY"),
        reply({"content": "I will not"}, "refusal"),
        {"error": {"code": "content_filter"}},
    ],
)
def test_a_refusal_is_content_refused(body: Any) -> None:
    with pytest.raises(ProviderFailure) as refused:
        read(body)
    assert (refused.value.kind, refused.value.reason) == (FailureClass.FINAL, Reason.CONTENT_REFUSED)
    for word in ("I will not", "half of it"):
        assert word not in repr(refused.value) + str(refused.value.__dict__)


@pytest.mark.parametrize(
    ("message", "finish", "text", "whose"),
    [
        ({"content": None, "refusal": "I will not."}, "stop", "I will not.", "The model refused"),
        ({"content": "First", "refusal": "but no."}, "stop", "First\n\nbut no.", "The model refused"),
        ({"content": "I will not."}, "refusal", "I will not.", "The model refused"),
        ({"content": "The first half"}, "content_filter", "The first half", "content filter"),
        ({"content": "The first half"}, "RECITATION", "The first half", "content filter"),
        ({"content": None}, "content_filter", "", "content filter"),
    ],
)
def test_a_refusal_keeps_what_came_and_what_it_used(message: Any, finish: str, text: str, whose: str) -> None:
    with pytest.raises(Withheld, match=whose) as refused:
        read(reply(message, finish))
    kept = refused.value.completion
    assert (kept.text, kept.usage) == (text, Usage(10, 4))
    assert not kept.whole


@pytest.mark.parametrize(
    "body",
    [
        [reply()],
        {"result": reply(), "success": True},
        {"data": reply()},
        json.dumps(reply()),
        {"choices": reply()["choices"][0], "usage": USAGE, "model": "m-1"},
        {"choices": [{"message": "hello", "finish_reason": "stop"}], "usage": USAGE, "model": "m-1"},
        {"choices": [{"text": "hello", "finish_reason": "stop"}], "usage": USAGE, "model": "m-1"},
        {
            "choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}],
            "usage": USAGE,
            "model": "m-1",
        },
    ],
)
def test_a_whole_answer_in_a_gateways_wrapping_is_read(body: Any) -> None:
    answer = read(body)
    assert (answer.text, answer.finish_reason, answer.usage) == ("hello", "stop", Usage(10, 4))


def test_a_provider_that_failed_on_the_way_says_so_in_the_choice() -> None:
    failed: dict[str, Any] = reply({"content": ""})
    failed["choices"][0]["error"] = {"code": 502, "message": "a prompt that is secret"}
    with pytest.raises(ProviderFailure) as told:
        read(failed)
    assert told.value.message == "The answer is empty: the provider failed (HTTP 502)."
    assert told.value.kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize(
    ("data", "enough", "told"),
    [
        (b"<html>", 3, "web page"),
        (b"\xef\xbb\xbf <!DOCTYPE html><p>", 3, "web page"),
        (b"", 3, "not a chat completion"),
        (b'{"choices": [{', 3, "not a chat completion"),
        (b"upstream connect error", 3, "not a chat completion"),
        (b'{"hello": 1}', 2, "not a chat completion"),
        (b'{"choices": []}', 2, "holds no choice"),
    ],
)
def test_how_often_the_same_unreadable_reply_is_bought(data: bytes, enough: int, told: str) -> None:
    with pytest.raises(ProviderFailure, match=told) as failed:
        read_completion(data, {}, ASKED, model="m")
    assert failed.value.enough == enough
    with pytest.raises(ProviderFailure) as broke:
        read({"error": {"code": 500}})
    assert broke.value.enough is None


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
        {"choices": [{"message": 7}]},
        {"choices": [{"delta": {"content": "the first piece of a stream that broke off"}}]},
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
        read_completion(data, {}, ASKED, model="m")
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
