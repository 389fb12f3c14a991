"""Parameters under each provider's names."""

from __future__ import annotations

import pytest

from penstock.adapters.providers.params import openai_params, tgi_params


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
        ("https://api.openai.com.evil.example/v1", "max_tokens"),
        ("https://notapi.openai.com/v1", "max_tokens"),
        ("https://openrouter.ai/api/v1", "max_tokens"),
    ],
)
def test_the_limit_of_the_answer_has_the_name_that_the_server_takes(url: str, name: str) -> None:
    assert openai_params({"max_tokens": 5, "seed": 1}, url, "gpt-5-mini") == {name: 5, "seed": 1}


FOUNDRY = "https://my-res.services.ai.azure.com/openai/v1"
CLOUDFLARE = "https://gateway.ai.cloudflare.com/v1/account/gateway"


@pytest.mark.parametrize(
    ("url", "model", "name"),
    [
        (FOUNDRY, "gpt-5-mini", "max_completion_tokens"),
        (FOUNDRY, "gpt-5", "max_completion_tokens"),
        (FOUNDRY, "GPT-5.4-nano", "max_completion_tokens"),
        (FOUNDRY, "o1", "max_completion_tokens"),
        (FOUNDRY, "o4-mini", "max_completion_tokens"),
        # Older models, and other people's, take the old name, and some no other.
        (FOUNDRY, "gpt-4o", "max_tokens"),
        (FOUNDRY, "gpt-4.1", "max_tokens"),
        (FOUNDRY, "gpt-35-turbo", "max_tokens"),
        (FOUNDRY, "gpt-oss-120b", "max_tokens"),
        (FOUNDRY, "DeepSeek-R1", "max_tokens"),
        (FOUNDRY, "o3x", "max_tokens"),
        ("https://r.cognitiveservices.azure.com/openai/v1", "gpt-5-mini", "max_completion_tokens"),
        ("https://models.github.ai/inference", "openai/gpt-5-mini", "max_completion_tokens"),
        ("https://models.github.ai/inference", "meta/llama-4", "max_tokens"),
        (f"{CLOUDFLARE}/openai", "anything", "max_completion_tokens"),
        (f"{CLOUDFLARE}/azure-openai/res/dep", "anything", "max_completion_tokens"),
        (f"{CLOUDFLARE}/compat", "openai/gpt-5-mini", "max_completion_tokens"),
        (f"{CLOUDFLARE}/compat", "google-ai-studio/gemini-3", "max_tokens"),
        (f"{CLOUDFLARE}/groq", "openai/gpt-oss-20b", "max_tokens"),
        ("https://services.ai.azure.com.evil.example/v1", "gpt-5", "max_tokens"),
    ],
)
def test_where_many_models_are_had_the_model_decides(url: str, model: str, name: str) -> None:
    assert openai_params({"max_tokens": 5}, url, model) == {name: 5}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "https://proxy.example/v1"])
def test_a_route_that_knows_better_decides(url: str, name: str) -> None:
    assert openai_params({"max_tokens": 5}, url, "deployment-7", name) == {name: 5}
    assert openai_params({}, url, "deployment-7", name) == {}


def test_all_other_names_are_openais_own() -> None:
    params = {"temperature": 0, "stop": ["a"], "tools": [{}], "reasoning_effort": "low", "top_p": 1}
    assert openai_params(params, "https://api.openai.com/v1", "gpt-5") == params


def test_tgi_gets_what_it_takes() -> None:
    # TGI refuses top_p 1 and response_format text, which both mean nothing, and wants a list of stops.
    params = {"max_tokens": 5, "top_p": 1, "stop": "END", "response_format": {"type": "text"}, "seed": 3}
    assert tgi_params(params) == {"max_tokens": 5, "stop": ["END"], "seed": 3}
    kept = {"top_p": 0.5, "stop": ["a", "b"], "response_format": {"type": "json_schema", "json_schema": {}}}
    assert tgi_params(kept) == kept
