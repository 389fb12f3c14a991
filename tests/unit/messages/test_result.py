"""The result message of docs/design.md §2.2: its fields, its attributes, what response_processor reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import BadMessage, Reason
from penstock.messages.completion import BlobRef, Completion, ToolCall, Usage
from penstock.messages.result import (
    Answer,
    Cost,
    Delivered,
    Failure,
    Result,
    Timings,
    decode_response,
    response_message,
)
from tests.unit.requests.records import NOW

COMPLETION = Completion("hé", (ToolCall("c1", "f", "{}"),), "stop", Usage(3, 2, 1), "gpt")
ANSWER = Answer.of(COMPLETION, provider="openai", target="nano", cost=Cost(0.25, {"input_usd": 0.25}))


def _result(answer: Answer | None = ANSWER, failure: Failure | None = None, **more: Any) -> dict[str, Any]:
    return Result(
        tenant="t",
        request_id="r",
        redrive_count=1,
        payload_sha256="aa",
        answer=answer,
        failure=failure,
        cache="miss",
        attempts=2,
        timings=Timings(1, 2, 3),
        metadata={"k": "v"},
        created_at=NOW,
        completed_at=NOW,
        **more,
    ).encode()


def test_both_outcomes_have_the_same_fields() -> None:
    failed = _result(None, Failure(Reason.INTERNAL, "why"), target="nano", cost=Cost(None, {}))
    assert (
        failed.keys()
        == _result().keys()
        == {
            "schema_version",
            "tenant",
            "request_id",
            "redrive_count",
            "payload_sha256",
            "status",
            "completion",
            "completion_ref",
            "error",
            "model",
            "provider",
            "target",
            "cache",
            "usage",
            "cost",
            "attempts",
            "timings",
            "metadata",
            "created_at",
            "completed_at",
        }
    )
    assert failed["error"] == {"reason": "internal", "message": "why", "retriable": True}
    assert (failed["status"], failed["completion"], failed["cost"]["usd"]) == ("failed", None, None)


def test_an_answer_is_read_as_it_was_stored() -> None:
    assert Answer.decode(ANSWER.encode()) == ANSWER
    by_reference = Answer(None, BlobRef("gs://b/x", 7, "aa"), "m", "p", "t", Usage(1, 1), Cost(None, {}))
    assert Answer.decode(by_reference.encode()) == by_reference


def test_an_answer_that_was_cached_before_there_were_tiers_is_read() -> None:
    old = ANSWER.encode()
    for name in ("cache_write_tokens", "service_tier"):
        del old["usage"][name]
    assert Answer.decode(old) == ANSWER


def test_reasoning_and_what_goes_back_with_a_call_are_there_only_if_there_is_any() -> None:
    plain = COMPLETION.encode()
    assert "reasoning" not in plain
    assert "extra_content" not in plain["tool_calls"][0]
    extra = {"google": {"thought_signature": "s"}}
    more = Completion("", (ToolCall("c", "f", "{}", extra),), "stop", Usage(1, 1), "m", reasoning="So…")
    assert more.encode()["reasoning"] == "So…"
    assert more.encode()["tool_calls"][0]["extra_content"] == extra


def test_what_is_printed_of_a_completion_holds_nothing_that_was_said() -> None:
    told = repr(
        Completion("secret", (ToolCall("c", "secret", "{}"),), "stop", Usage(1, 1), "m", reasoning="secret")
    )
    assert "secret" not in told


def test_a_failure_with_what_came_is_failed() -> None:
    refused = _result(ANSWER, Failure(Reason.CONTENT_REFUSED, "why"))
    assert (refused["status"], refused["error"]["reason"]) == ("failed", "content_refused")
    assert (refused["completion"]["text"], refused["cost"]["usd"]) == ("hé", 0.25)


def test_a_reused_answer_costs_nothing_and_saves_what_it_cost() -> None:
    again = ANSWER.reused()
    assert (again.cost.usd, again.cost.saved_usd) == (0.0, 0.25)
    assert (again.reused().cost.usd, again.reused().cost.saved_usd) == (0.0, 0.25)


@pytest.mark.parametrize("reason", list(Reason))
def test_only_what_may_succeed_another_time_is_retriable(reason: Reason) -> None:
    retriable = {
        *(Reason.ATTEMPTS_EXHAUSTED, Reason.DEADLINE_EXCEEDED, Reason.INTERNAL, Reason.BUDGET_EXHAUSTED)
    }
    assert Failure(reason, "m").encode()["retriable"] == (reason in retriable)


def test_the_message_says_in_attributes_whom_it_is_for() -> None:
    data, attributes = response_message(_result(), "00-trace")
    assert json.loads(data) == _result()
    assert attributes == {
        "tenant": "t",
        "request_id": "r",
        "status": "completed",
        "model": "gpt",
        "traceparent": "00-trace",
    }
    assert decode_response(data) == Delivered("t", "r", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"schema_version":2,"tenant":"t","request_id":"r","redrive_count":0}',
        b'{"schema_version":1,"tenant":7,"request_id":"r","redrive_count":0}',
        b"[" * 100_000,
    ],
    ids=range(8),
)
def test_what_is_no_result_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_response(data)
