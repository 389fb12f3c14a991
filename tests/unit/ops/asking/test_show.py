"""A result as a person reads it: what came with a failure, what is missing, what has no known price."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
from rich.console import Console

from penstock.errors import Reason
from penstock.messages.completion import Completion, Usage
from penstock.messages.result import Answer, Cost, Failure, Result, Timings
from penstock_ops.asking.show import show_result
from penstock_ops.terminal.console import tokens
from tests.unit.requests.records import NOW


def shown(
    text: str = "", finish: str = "stop", reasoning: str = "", failure: Failure | None = None,
    cost: Cost | None = None,
) -> str:  # fmt: skip
    """What `show_result` prints of a result."""
    completion = Completion(text, (), finish, Usage(3, 2), "m", reasoning=reasoning)
    price = cost or Cost(0.25, {})
    result: dict[str, Any] = Result(
        tenant="t",
        request_id="r",
        redrive_count=0,
        payload_sha256="aa",
        answer=Answer.of(completion, provider="openai", target="nano", cost=price),
        failure=failure,
        cache="miss",
        attempts=1,
        timings=Timings(1, 2, 3),
        metadata={},
        created_at=NOW,
        completed_at=NOW,
    ).encode()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        show_result(Console(width=200), result)
    return out.getvalue()


def test_a_whole_answer_is_shown_without_a_word_more() -> None:
    assert shown("Paris.").endswith("\n\nParis.\n")


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        ("empty", "The answer is empty: the model ended without a word."),
        ("length", "The answer is not whole: length."),
        ("something_new", "The answer is not whole: something_new."),
    ],
)
def test_what_is_no_whole_answer_is_named(finish: str, told: str) -> None:
    assert told in shown(finish=finish)


def test_reasoning_alone_is_shown_as_what_it_is() -> None:
    told = shown(finish="reasoning_only", reasoning="France, so [b]Paris[/b].")
    assert "The answer is empty: the model ended after its reasoning" in told
    assert "France, so [b]Paris[/b]." in told


def test_a_refusal_shows_whose_it_is_and_its_words() -> None:
    refused = Failure(Reason.CONTENT_REFUSED, "The model refused to answer.")
    told = shown("I'm sorry, I cannot.", "refusal", failure=refused)
    assert "content_refused: The model refused to answer." in told
    assert "I'm sorry, I cannot." in told
    assert "$0.25" in told
    assert "3 → 2 tokens" in told
    assert "not whole" not in told


@pytest.mark.parametrize("unknown", ["2 more calls may have been paid", "tier priority is not priced"])
def test_what_a_cost_leaves_out_is_said(unknown: str) -> None:
    assert f"cost: {unknown}." in shown("Paris.", cost=Cost(None, {"unknown": unknown}))


@pytest.mark.parametrize(("cached", "said"), [(0, "80 → 5"), (40, "80 (40 cached, 50%) → 5")])
def test_tokens_say_how_much_of_the_prompt_the_providers_cache_had(cached: int, said: str) -> None:
    usage = {"prompt_tokens": 80, "cached_tokens": cached, "completion_tokens": 5, "estimated": False}
    assert tokens(usage) == said
