"""What goes over the wire: the key and only the key we mean, and every parameter under its right name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from penstock.adapters.providers import prompt_cache
from penstock.errors import FailureClass, ProviderFailure, Reason
from tests.integration.providers.conftest import HeldKey, MakeProvider, Served, ask
from tests.servers.openai_server import OpenAIServer

LONG = 30.0
PARAMS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 50,
    "seed": 7,
    "stop": ["END"],
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


async def test_the_key_is_sent_and_fetched_again_when_it_is_refused(
    make: MakeProvider, server: OpenAIServer
) -> None:
    # Given a key that was rotated, I expect a 401, unpaid; if the key is fetched again, an answer.
    server.key = "new"
    key = HeldKey("old", newer="new")
    provider = make(server.base_url, key=key)
    with pytest.raises(ProviderFailure) as failed:
        await provider.complete(ask(), timeout_s=LONG)
    assert (failed.value.kind, failed.value.status) == (FailureClass.UNPAID, 401)
    assert await provider.reload_key() is True
    await provider.complete(ask(), timeout_s=LONG)
    assert server.last_headers["Authorization"] == "Bearer new"
    # And once more fetched, it is the same.
    assert await provider.reload_key() is False


@pytest.mark.parametrize(
    "key",
    [
        HeldKey("", missing=True),
        HeldKey(""),
        HeldKey("two words"),
        HeldKey("line\nbreak"),
        HeldKey("schlüssel"),
    ],
)
async def test_without_a_usable_key_nothing_is_sent(
    make: MakeProvider, server: OpenAIServer, key: HeldKey
) -> None:
    provider = make(server.base_url, key=key)
    with pytest.raises(ProviderFailure, match="key") as failed:
        await provider.complete(ask(), timeout_s=LONG)
    assert failed.value.kind is FailureClass.UNPAID
    assert server.ledger.calls == []
    assert await provider.reload_key() is False


async def test_a_key_that_does_not_come_is_waited_for_within_the_limit(
    make: MakeProvider, server: OpenAIServer
) -> None:
    class Never(HeldKey):
        async def value(self) -> str:
            await asyncio.Event().wait()
            return ""

    provider = make(server.base_url, key=Never(""))
    with pytest.raises(ProviderFailure) as failed:
        await provider.complete(ask(), timeout_s=0.1)
    # Nothing was asked yet, so nothing can have been paid.
    assert failed.value.kind is FailureClass.UNPAID


@pytest.mark.parametrize("key", [None, HeldKey("ours")])
async def test_no_secret_of_the_environment_gets_out(
    make: MakeProvider, server: OpenAIServer, key: HeldKey | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an environment full of other people's secrets, I expect none of them in any header.
    for name in (
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"),
        *("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
    ):
        monkeypatch.setenv(name, "hf_planted")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer hf_planted")
    await make(server.base_url, key=key).complete(ask(), timeout_s=LONG)
    assert "hf_planted" not in str(server.last_headers)
    assert server.last_headers["Authorization"] == ("Bearer ours" if key else "Bearer none")


async def test_every_parameter_reaches_the_server(provider: Served, server: OpenAIServer) -> None:
    await provider.complete(ask("hi", **PARAMS), timeout_s=LONG)
    assert {name: server.last_body.get(name) for name in PARAMS} == PARAMS
    assert server.last_body["messages"] == [{"role": "user", "content": "hi"}]
    assert server.last_body["model"] == "echo-1"
    assert not server.last_body.get("stream")
    # Asked not to be packed, so that what is counted is what is kept.
    assert server.last_headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("dialect", ["openai"])
async def test_a_targets_tier_is_sent_and_no_other(make: MakeProvider, server: OpenAIServer) -> None:
    await make(server.base_url, service_tier="flex").complete(ask(), timeout_s=LONG)
    assert server.last_body["service_tier"] == "flex"
    await make(server.base_url).complete(ask(), timeout_s=LONG)
    assert "service_tier" not in server.last_body


@pytest.mark.parametrize("dialect", ["openai"])
async def test_how_likely_an_answer_was_is_asked_and_told_where_the_target_says_so(
    make: MakeProvider, server: OpenAIServer
) -> None:
    provider = make(server.base_url, logprobs=True)
    told = await provider.complete(ask("[do:answer likely=0.9] hi"), timeout_s=LONG)
    assert server.last_body["logprobs"] is True
    assert told.likely == pytest.approx(0.9)
    assert told.encode()["likely"] == told.likely
    # A server that takes the question and does not answer it tells nothing.
    assert (await provider.complete(ask("hello"), timeout_s=LONG)).likely is None
    untold = await make(server.base_url).complete(ask("[do:answer likely=0.9] hi"), timeout_s=LONG)
    assert "logprobs" not in server.last_body
    assert "likely" not in untold.encode()


@pytest.mark.parametrize("dialect", ["openai"])
async def test_openai_alone_is_told_which_questions_begin_alike(
    make: MakeProvider, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(ask(), messages=({"role": "system", "content": "Be short."}, *ask().messages))
    # This server is not OpenAI's: no key, though the target asks for one.
    await make(server.base_url, prompt_cache=True).complete(asked, timeout_s=LONG)
    assert "prompt_cache_key" not in server.last_body
    monkeypatch.setattr(prompt_cache, "HOSTS", ("127.0.0.1", "localhost"))
    keys = []
    for request in (asked, replace(asked, params={"seed": 1}), replace(asked, tenant="another")):
        await make(server.base_url, prompt_cache=True).complete(request, timeout_s=LONG)
        keys.append(server.last_body["prompt_cache_key"])
    assert keys[0] == keys[1] != keys[2]
    # Nothing is shared before a user's own words, and nothing is sent unless the target says so.
    await make(server.base_url, prompt_cache=True).complete(ask(), timeout_s=LONG)
    assert "prompt_cache_key" not in server.last_body
    await make(server.base_url).complete(asked, timeout_s=LONG)
    assert "prompt_cache_key" not in server.last_body


@pytest.mark.parametrize("dialect", ["openai"])
async def test_a_schema_goes_to_openai_as_it_is(provider: Served, server: OpenAIServer) -> None:
    format = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    answer = await provider.complete(ask(response_format=format, reasoning_effort="low"), timeout_s=LONG)
    assert server.last_body["response_format"] == format
    assert server.last_body["reasoning_effort"] == "low"
    assert answer.text.startswith('{"answer"')


@pytest.mark.parametrize("dialect", ["tgi"])
async def test_a_schema_goes_to_tgi_in_its_own_form(provider: Served, server: OpenAIServer) -> None:
    format = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    answer = await provider.complete(ask(response_format=format), timeout_s=LONG)
    assert server.last_body["response_format"] == {"type": "json_object", "value": SCHEMA}
    assert answer.text.startswith('{"answer"')


@pytest.mark.parametrize("dialect", ["tgi"])
async def test_what_tgi_would_drop_without_a_word_is_refused(provider: Served, server: OpenAIServer) -> None:
    with pytest.raises(ProviderFailure, match="reasoning_effort") as refused:
        await provider.complete(ask(reasoning_effort="low"), timeout_s=LONG)
    assert (refused.value.kind, refused.value.reason) == (FailureClass.FINAL, Reason.PROVIDER_REJECTED)
    assert server.ledger.calls == []


@pytest.mark.parametrize("dialect", ["openai"])
async def test_cached_and_reasoning_tokens_are_counted(provider: Served) -> None:
    text = "[do:answer cached=5 reasoning=4] a prompt of more than five tokens"
    usage = (await provider.complete(ask(text), timeout_s=LONG)).usage
    assert (usage.cached_tokens, usage.reasoning_tokens) == (5, 4)
