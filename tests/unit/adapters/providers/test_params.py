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
    assert openai_params({"max_tokens": 5, "seed": 1}, url) == {name: 5, "seed": 1}


def test_all_other_names_are_openais_own() -> None:
    params = {"temperature": 0, "stop": ["a"], "tools": [{}], "reasoning_effort": "low", "top_p": 1}
    assert openai_params(params, "https://api.openai.com/v1") == params


def test_tgi_gets_what_it_takes() -> None:
    # TGI refuses top_p 1 and response_format text, which both mean nothing, and wants a list of stops.
    params = {"max_tokens": 5, "top_p": 1, "stop": "END", "response_format": {"type": "text"}, "seed": 3}
    assert tgi_params(params) == {"max_tokens": 5, "stop": ["END"], "seed": 3}
    kept = {"top_p": 0.5, "stop": ["a", "b"], "response_format": {"type": "json_schema", "json_schema": {}}}
    assert tgi_params(kept) == kept
