"""What a message says: its text and its reasoning, whatever form they have, and when that is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.adapters.providers.chat_reply import read_completion
from tests.unit.adapters.providers.replies import ASKED, read, reply


def test_content_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}, {"type": "other"}]
    assert read(reply({"content": parts})).text == "hello"


def test_lone_surrogates_are_replaced_so_that_the_answer_can_be_saved() -> None:
    # Given JSON whose escapes make half a character, I expect text that every store takes.
    data = json.dumps(reply({"content": "a\ud800b \U0001f600"})).encode()
    text = read_completion(data, {}, ASKED, model="m").text
    assert text == "a\ufffdb \U0001f600"
    text.encode()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"city": "Paris", "country": "France"}, '{"city":"Paris","country":"France"}'),
        ({"type": "fruit", "name": "apple"}, '{"type":"fruit","name":"apple"}'),
        ({"text": "é"}, '{"text":"é"}'),
        ([{"city": "Paris"}, {"city": "Rome"}], '[{"city":"Paris"},{"city":"Rome"}]'),
        ([1, 2, 3], "[1,2,3]"),
        (7, "7"),
        (False, "false"),
        ({}, "{}"),
        (["Par", "is."], "Paris."),
        (["Par", None, {"type": "text", "text": "is."}], "Paris."),
        ([{"type": "text", "text": None}, {"type": "text", "text": "Paris."}], "Paris."),
        ([{"type": "output_text", "text": {"value": "Paris."}}], "Paris."),
        ({"type": "text", "text": "Paris."}, "Paris."),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Paris."}], "Paris."),
    ],
)
def test_whatever_form_the_content_has_it_is_the_answer(content: Any, text: str) -> None:
    answer = read(reply({"role": "assistant", "content": content}))
    assert (answer.text, answer.whole) == (text, True)


@pytest.mark.parametrize(
    "message",
    [
        {"content": ""},
        {"content": None},
        {"content": " \n"},
        {"content": []},
        {"content": [None, {"type": "text", "text": ""}]},
        {"role": "assistant"},
        {"content": "", "tool_calls": []},
    ],
)
@pytest.mark.parametrize("finish", ["stop", "tool_calls", None])
def test_an_answer_without_a_word_or_a_call_is_none(message: Any, finish: Any) -> None:
    answer = read(reply(message, finish))
    assert (answer.finish_reason, answer.whole) == ("empty", False)
    # What names a reason of its own for having said nothing, keeps it.
    assert read(reply(message, "MAX_TOKENS")).finish_reason == "length"


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": "It is Paris.", "reasoning": "It is Paris."},
        {"content": "", "reasoning": "It is Paris."},
        {"content": "", "thinking": "It is Paris."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "It is "}, {"summary": "Paris."}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "It is Paris."}]}]},
    ],
)
def test_reasoning_is_kept_and_alone_it_is_no_answer(message: Any) -> None:
    alone = read(reply(message))
    assert (alone.text, alone.reasoning, alone.finish_reason) == ("", "It is Paris.", "reasoning_only")
    assert alone.encode()["reasoning"] == "It is Paris."
    parts = message["content"] if isinstance(message.get("content"), list) else []
    answered = read(reply({**message, "content": [*parts, {"type": "text", "text": "Paris."}]}))
    assert (answered.text, answered.reasoning, answered.whole) == ("Paris.", "It is Paris.", True)


def test_a_call_is_an_answer_though_nothing_is_said() -> None:
    made = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    for finish in ("stop", "tool_calls", None):
        answer = read(reply({"content": "", "tool_calls": [made]}, finish))
        assert answer.whole
        assert answer.finish_reason == (finish or "tool_calls")
