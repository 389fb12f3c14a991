"""Tool calls in the forms of many servers."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.messages.completion import ToolCall
from tests.unit.adapters.providers.replies import read, reply


@pytest.mark.parametrize("id", ["", " ", None, 7])
def test_calls_without_an_id_get_one_of_their_own(id: Any) -> None:
    made = [{"id": id, "function": {"name": "w", "arguments": city}} for city in ("1", "2")]
    assert [call.id for call in read(reply({"tool_calls": made})).tool_calls] == ["call_0", "call_1"]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (["x", "x", "x"], ["x", "call_1", "call_2"]),
        (["call_1", ""], ["call_1", "call_1_0"]),
        (["", "call_0"], ["call_0_0", "call_0"]),
        (["call_1_0", "", "call_1"], ["call_1_0", "call_1_1", "call_1"]),
    ],
)
def test_no_two_calls_of_a_reply_share_an_id(given: list[str], ids: list[str]) -> None:
    made = [{"id": id, "function": {"name": "w"}} for id in given]
    assert [call.id for call in read(reply({"tool_calls": made})).tool_calls] == ids


@pytest.mark.parametrize(
    "message",
    [
        {"function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"function_call": {"name": "f", "arguments": '{"a":1}'}, "tool_calls": []},
        {"tool_calls": {"function": {"name": "f", "arguments": '{"a":1}'}}},
        {"tool_calls": [None, {"name": "f", "arguments": '{"a":1}'}]},
    ],
)
def test_calls_in_other_forms_are_calls(message: Any) -> None:
    answer = read(reply({"content": None, **message}, "function_call"))
    assert answer.tool_calls == (ToolCall("call_0", "f", '{"a":1}'),)
    assert answer.whole


@pytest.mark.parametrize("arguments", [None, "", " ", {}])
def test_a_call_without_arguments_says_so_in_json(arguments: Any) -> None:
    made = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    assert read(reply({"tool_calls": [made]})).tool_calls[0].arguments == "{}"


def test_what_a_provider_wants_back_with_a_call_is_kept() -> None:
    extra = {"google": {"thought_signature": "CtsB\ud800", "n": 10**30, "x": [[1]], "f": 1.5}}
    made = {"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    [call] = read(reply({"tool_calls": [made]})).tool_calls
    # Without what some store refuses: half a character, a number of a hundred bits, a list in a list.
    kept = {"google": {"thought_signature": "CtsB\ufffd", "n": None, "x": [None], "f": 1.5}}
    assert call.extra_content == kept
    assert call.encode()["extra_content"] == kept


def test_tool_calls() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        # As TGI has sent them: no id, the arguments as an object.
        {"function": {"name": "g", "arguments": {"b": 2}}},
    ]
    answer = read(reply({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"))
    assert answer.text == ""
    assert answer.tool_calls == (ToolCall("c1", "f", '{"a": 1}'), ToolCall("call_1", "g", '{"b": 2}'))
