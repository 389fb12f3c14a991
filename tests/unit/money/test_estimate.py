"""Usage guessed from lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.messages.completion import ToolCall
from penstock.money.estimate import estimate_tokens, estimate_usage


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("four", 1),
        ("fives", 2),
        ("x" * 4000, 1000),
        # Three bytes a character: three quarters of a token each.
        ("水" * 4, 3),
        # A lone surrogate counts, and breaks nothing.
        ("\ud800", 1),
    ],
)
def test_tokens_of_a_text(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_a_question_and_its_answer_are_counted_and_marked() -> None:
    # Given a message of 40 bytes and an answer of 20, I expect 3 + 3 + 10 and 5 tokens, marked.
    usage = estimate_usage([{"role": "user", "content": "x" * 40}], {}, "y" * 20)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (16, 5, True)
    assert (usage.cached_tokens, usage.reasoning_tokens) == (0, 0)


def test_everything_that_a_provider_would_count_is_counted() -> None:
    plain = [{"role": "user", "content": "hello there"}]
    base = estimate_usage(plain, {}, "")
    parts = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "hello there"}, {"type": "image_url", "image_url": {}}],
        }
    ]
    # If there is an image, or tools, or a format, or a called tool, I expect more prompt than without.
    assert estimate_usage(parts, {}, "").prompt_tokens == base.prompt_tokens + 765
    assert estimate_usage(plain, {"tools": [{"name": "f"}]}, "").prompt_tokens > base.prompt_tokens
    assert estimate_usage(plain, {"response_format": {"type": "x"}}, "").prompt_tokens > base.prompt_tokens
    called = [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]
    assert estimate_usage(called, {}, "").prompt_tokens > 6
    # And a tool that the answer calls is output.
    assert estimate_usage(plain, {}, "", [ToolCall("1", "abcd", "{}{}")]).completion_tokens == 2


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens(one: str, more: str) -> None:
    assert estimate_tokens(one) <= estimate_tokens(one + more)
