"""OpenAI's own client understands the test server: what our provider is tested against is OpenAI's wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest

from tests.servers.openai_server import OpenAIServer


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key="k") as server:
        yield server


@pytest.fixture
async def sdk(server: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="k", base_url=server.base_url, max_retries=0) as sdk:
        yield sdk


async def ask(sdk: openai.AsyncOpenAI, text: str) -> openai.types.chat.ChatCompletion:
    return await sdk.chat.completions.create(model="echo-1", messages=[{"role": "user", "content": text}])


async def test_it_reads_an_answer(sdk: openai.AsyncOpenAI) -> None:
    answer = await ask(sdk, "[do:answer cached=2 reasoning=4] What is a penstock?")
    choice, usage = answer.choices[0], answer.usage
    assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", "echo-1", "stop")
    assert "echo-1 says" in (choice.message.content or "")
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 2
    assert usage.completion_tokens_details.reasoning_tokens == 4


async def test_it_reads_a_tool_call(sdk: openai.AsyncOpenAI) -> None:
    choice = (await ask(sdk, "[do:answer tool=measure]")).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    [call] = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "measure"


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        ("status code=400 error=context_length_exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("status code=404 error=model_not_found", openai.NotFoundError, "model_not_found"),
        ("status code=429 error=rate_limit_exceeded", openai.RateLimitError, "rate_limit_exceeded"),
        ("status code=503", openai.InternalServerError, None),
        ("policy", openai.BadRequestError, "content_policy_violation"),
    ],
)
async def test_it_reads_an_error(
    sdk: openai.AsyncOpenAI, told: str, kind: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as refused:
        await ask(sdk, f"[do:{told}]")
    assert (refused.value.code, refused.value.type) == (code, "server_error")


async def test_it_sees_that_its_key_is_wrong(server: OpenAIServer, sdk: openai.AsyncOpenAI) -> None:
    server.key = "another"
    with pytest.raises(openai.AuthenticationError) as refused:
        await ask(sdk, "hello")
    assert refused.value.code == "invalid_api_key"


async def test_it_lists_the_models(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == ["echo-1"]
