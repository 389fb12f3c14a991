"""What each provider's reply says of its usage, in the form in which it sends it, over a real socket.

docs/models.md has the same table in words; the forms follow the providers' own documentation of 2026.
"""

from __future__ import annotations

from typing import Any

import pytest

from penstock.adapters.providers.openai import OpenAIProvider
from penstock.adapters.providers.tgi import TgiProvider
from penstock.errors import ProviderFailure
from penstock.messages.completion import Completion, ToolCall, Usage
from tests.integration.providers.conftest import ask
from tests.integration.providers.dialects import DIALECTS, PARIS, body, counts, of_prompt
from tests.servers.script import Script, reply


async def read(data: bytes, *headers: str, tgi: bool = False) -> Completion:
    """The answer in one reply, by the provider's own adapter; asked once."""
    headers = headers or ("Content-Type: application/json",)
    async with Script(reply("200 OK", *headers, body=data)) as script:
        provider = (
            TgiProvider(script.base_url, model="m") if tgi else OpenAIProvider("m", base_url=script.base_url)
        )
        try:
            return await provider.complete(ask("hello"), timeout_s=30)
        finally:
            await provider.close()
            assert len(script.requests) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_dialect_is_read_as_its_provider_means_it(dialect: str) -> None:
    data, usage = DIALECTS[dialect]
    assert (await read(data)).usage == usage


async def test_tgis_dialect() -> None:
    call = {"id": "0", "type": "function", "function": {"name": "w", "arguments": {"city": "Paris"}}}
    answer = await read(
        body({"content": None, "tool_calls": [call]}, counts(100, 21, 121), "eos_token"), tgi=True
    )
    assert answer.tool_calls == (ToolCall("0", "w", '{"city": "Paris"}'),)
    assert (answer.finish_reason, answer.usage, answer.whole) == ("stop", Usage(100, 21), True)


@pytest.mark.parametrize(
    "dialect", ["Mistral", "OpenRouter", "Groq", "vLLM", "Ollama", "llama.cpp", "DeepSeek"]
)
async def test_the_answer_and_the_thought_are_told_apart(dialect: str) -> None:
    answer = await read(DIALECTS[dialect][0])
    assert (answer.text, answer.whole) == ("Paris.", True)
    assert answer.reasoning


@pytest.mark.parametrize("tier", ["default", "standard", "auto", "on_demand", "", None, "Default"])
async def test_the_standard_tier_is_no_tier(tier: Any) -> None:
    assert (await read(body(PARIS, counts(1, 1, 2), service_tier=tier))).usage.service_tier is None


@pytest.mark.parametrize("tier", ["flex", "priority", "fast", "scale", "batch", "Priority"])
async def test_the_tier_that_answered_is_kept(tier: str) -> None:
    assert (await read(body(PARIS, counts(1, 1, 2), service_tier=tier))).usage.service_tier == tier.lower()
    within = await read(body(PARIS, counts(1, 1, 2, service_tier=tier)))
    assert within.usage.service_tier == tier.lower()


@pytest.mark.parametrize("tier", [7, True, {}, ["flex"], "two words", "flèx", "x" * 40])
async def test_a_tier_that_cannot_be_read_is_not_the_standard_one(tier: Any) -> None:
    # Such a call has no price: the standard one would be a guess.
    assert (await read(body(PARIS, counts(1, 1, 2), service_tier=tier))).usage.service_tier == "unreadable"


@pytest.mark.parametrize(
    "usage",
    [
        counts(-1, 5, 4),
        counts(12, -5, 7),
        counts(12.5, 5, 17),
        counts("twelve", 5, 17),
        counts(True, 5, 6),
        counts(10**12, 5, 10**12 + 5),
        counts([12], 5, 17),
        counts(0, 0, 0),
        counts(None, None, None),
        "many",
    ],
)
async def test_nonsense_is_no_usage(usage: Any) -> None:
    counted = (await read(body(PARIS, usage))).usage
    assert (counted.estimated, counted.completion_tokens) == (True, 2)


@pytest.mark.parametrize(
    ("usage", "read_as"),
    [
        # The parts that are nonsense are left out, the whole stands.
        (counts(12, 5, -3), Usage(12, 5)),
        (counts(12, 5, 17, **of_prompt(cached_tokens=-4)), Usage(12, 5)),
        (counts(12, 5, 17, **of_prompt(cached_tokens=99)), Usage(12, 5, 12)),
        # A total that is less than its parts is no total.
        (counts(12, 5, 9), Usage(12, 5)),
        # One of the two follows from the total.
        (counts(None, 5, 17), Usage(12, 5)),
        (counts(0, 5, 17), Usage(12, 5)),
        (counts(12, None, 17), Usage(12, 5)),
        # What does not follow is guessed, and said so; what is stated stands.
        (counts(None, 5), Usage(8, 5, estimated=True)),
        (counts(12, None), Usage(12, 2, estimated=True)),
        (counts(None, None, 17), Usage(8, 9, estimated=True)),
    ],
)
async def test_a_usage_with_holes_is_filled_from_what_is_stated(usage: Any, read_as: Usage) -> None:
    assert (await read(body(PARIS, usage))).usage == read_as


async def test_a_refusal_is_paid_and_kept() -> None:
    with pytest.raises(ProviderFailure, match="The model refused"):
        await read(body({"content": None, "refusal": "I'm sorry."}, counts(81, 11, 92)))
