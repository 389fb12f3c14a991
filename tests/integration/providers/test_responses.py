"""Calls that the provider keeps on a real socket: what is sent, and what each fault means for the bill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.adapters.providers.keys import PlainKey
from penstock.adapters.providers.responses import ResponsesProvider
from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.later import Kept, Stand
from penstock.messages.completion import Completion
from penstock.messages.request import CacheMode, Request
from tests.servers.openai_server import OpenAIServer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


def request(**params: Any) -> Request:
    messages: tuple[dict[str, Any], ...] = (
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    )
    return Request(
        tenant="t", request_id="r", messages=messages, model=None, params={"max_tokens": 50, **params},
        cache=CacheMode.AUTO, deadline=LONG_AGO, metadata={}, payload_sha256="",
    )  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key="sk-test") as running:
        running.responses.takes_s = 0.0
        yield running


@pytest.fixture
async def later(server: OpenAIServer) -> AsyncIterator[ResponsesProvider]:
    made = ResponsesProvider("echo-1", server.base_url, PlainKey("sk-test"), window="2h")
    yield made
    await made.close()


async def begun(later: ResponsesProvider, asked: Request) -> str:
    return (await later.begin(asked, {"write": "w"}, timeout_s=5)).name


async def stood(later: ResponsesProvider) -> Stand:
    return await later.look(await begun(later, request()), request(), timeout_s=5)


async def failing(awaited: Any) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as caught:
        await awaited
    return caught.value


async def test_a_conversation_goes_there_and_comes_back(
    server: OpenAIServer, later: ResponsesProvider
) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    format = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    asked = request(tools=[tool], tool_choice="auto", reasoning_effort="low", response_format=format)
    name = await begun(later, asked)
    [sent] = server.responses.asked
    assert [item["type"] for item in sent["input"]] == [
        "message", "message", "function_call", "function_call_output",
    ]  # fmt: skip
    assert sent["input"][1]["content"] == [{"type": "input_text", "text": "hello"}]
    assert (sent["background"], sent["store"], sent["max_output_tokens"]) == (True, True, 50)
    assert sent["background_options"] == {"completion_window": "2h"}
    assert (sent["tools"][0]["name"], sent["reasoning"]) == ("look_up", {"effort": "low"})
    assert sent["text"] == {"format": {"type": "json_schema", "name": "x", "schema": {}}}
    answer = await later.look(name, asked, timeout_s=5)
    assert isinstance(answer, Completion)
    assert answer.text.startswith("echo-1 says")
    assert (answer.reasoning, answer.finish_reason, answer.usage.service_tier) == ("So.", "stop", None)
    assert answer.usage.prompt_tokens > 0 < answer.usage.completion_tokens
    await later.delete(name, timeout_s=5)
    await later.delete(name, timeout_s=5)
    assert server.responses.deleted == [name]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("lost", FailureClass.AMBIGUOUS),
        ("refused", FailureClass.AMBIGUOUS),
        ("nameless", FailureClass.AMBIGUOUS),
        ("429", FailureClass.UNPAID),
        ("400", FailureClass.FINAL),
    ],
)
async def test_what_a_create_that_fails_means(
    server: OpenAIServer, later: ResponsesProvider, fault: str, kind: FailureClass
) -> None:
    server.responses.faults = [fault]
    assert (await failing(begun(later, request()))).kind is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("failed", FailureClass.AMBIGUOUS),
        ("limited", FailureClass.UNPAID),
        ("filtered", FailureClass.FINAL),
    ],
)
async def test_what_an_end_without_an_answer_means(
    server: OpenAIServer, later: ResponsesProvider, fault: str, kind: FailureClass
) -> None:
    server.responses.faults = [fault]
    stand = await stood(later)
    assert isinstance(stand, ProviderFailure)
    assert stand.kind is kind
    assert "on purpose" not in stand.message


async def test_an_answer_that_is_cut_off_says_so(server: OpenAIServer, later: ResponsesProvider) -> None:
    server.responses.faults = ["cut"]
    stand = await stood(later)
    assert isinstance(stand, Completion)
    assert stand.finish_reason == "length"


async def test_what_is_no_response_says_nothing_of_the_call(
    server: OpenAIServer, later: ResponsesProvider
) -> None:
    server.responses.faults = ["garbage"]
    assert "not a response" in (await failing(stood(later))).message


async def test_it_is_called_back_while_it_is_under_way_and_not_afterwards(
    server: OpenAIServer, later: ResponsesProvider
) -> None:
    ended = await begun(later, request())
    assert isinstance(await later.cancel(ended, request(), timeout_s=5), Completion)
    server.responses.takes_s = 60
    name = await begun(later, request())
    assert await later.look(name, request(), timeout_s=5) == Kept(name)
    stand = await later.cancel(name, request(), timeout_s=5)
    assert isinstance(stand, ProviderFailure)
    assert stand.kind is FailureClass.AMBIGUOUS


async def test_another_projects_key_finds_nothing_and_a_wrong_one_is_not_let_in(
    server: OpenAIServer, later: ResponsesProvider
) -> None:
    assert (await failing(later.look("resp_other", request(), timeout_s=5))).status == 404
    server.key = "another"
    assert (await failing(later.look("resp_0", request(), timeout_s=5))).status == 401


@pytest.mark.parametrize("field", ["stop", "seed", "frequency_penalty", "presence_penalty"])
async def test_what_cannot_be_said_is_named_and_not_asked(
    server: OpenAIServer, later: ResponsesProvider, field: str
) -> None:
    failure = await failing(begun(later, request(**{field: 1})))
    assert (failure.kind, failure.reason) == (FailureClass.FINAL, Reason.PROVIDER_REJECTED)
    assert repr(field) in failure.message
    assert server.responses.asked == []


async def test_a_speakers_name_cannot_be_said(later: ResponsesProvider) -> None:
    named = replace(request(), messages=({"role": "user", "name": "ann", "content": "hi"},))
    assert "'name'" in (await failing(begun(later, named))).message
