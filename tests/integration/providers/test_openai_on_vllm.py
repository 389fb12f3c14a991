"""The provider `openai` against an engine that speaks vLLM's wire."""

from __future__ import annotations

import asyncio

import pytest

from penstock.adapters.providers.openai import OpenAIProvider
from penstock.errors import FailureClass, ProviderFailure
from tests.integration.providers.conftest import ask
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer


async def test_a_full_queue_is_unpaid() -> None:
    # Given a vLLM with --max-num-queued-reqs 1 that works on one request at a time
    parameters = EngineParameters(slots=1, step_s=0.02)
    async with EngineServer(EngineOptions("vllm", parameters, queue_limit=1)) as engine:
        provider = OpenAIProvider("tiny", base_url=f"{engine.url}/v1")
        # If four ask at once
        answers = await asyncio.gather(
            *(provider.complete(ask(max_tokens=20), timeout_s=30) for _ in range(4)), return_exceptions=True
        )
        await provider.close()
    # I expect those that found no room to be told so, and none of them to be paid
    refused = [answer for answer in answers if isinstance(answer, ProviderFailure)]
    assert refused
    assert {(failure.kind, failure.status) for failure in refused} == {(FailureClass.UNPAID, 503)}
    assert len(refused) < 4


async def test_tokens_from_the_prefix_cache_are_seen() -> None:
    # Given --enable-prompt-tokens-details
    async with EngineServer(EngineOptions("vllm", prompt_tokens_details=True)) as engine:
        provider = OpenAIProvider("tiny", base_url=f"{engine.url}/v1")
        question = ask("a long preamble that every request shares " * 20, max_tokens=4)
        first = await provider.complete(question, timeout_s=30)
        second = await provider.complete(question, timeout_s=30)
        await provider.close()
    assert first.usage.cached_tokens == 0
    assert 0 < second.usage.cached_tokens <= second.usage.prompt_tokens
    assert not second.usage.estimated


async def test_an_unknown_model_is_a_final_refusal() -> None:
    async with EngineServer(EngineOptions("vllm")) as engine:
        provider = OpenAIProvider("another", base_url=f"{engine.url}/v1")
        with pytest.raises(ProviderFailure) as failure:
            await provider.complete(ask(), timeout_s=30)
        await provider.close()
    assert failure.value.kind is FailureClass.FINAL
