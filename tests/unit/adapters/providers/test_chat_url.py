"""Where the chat API is asked: below the base URL, however that is written."""

from __future__ import annotations

import pytest

from penstock.adapters.providers.openai import OPENAI_URL, chat_url


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (OPENAI_URL, "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/chat/completions"),
        ("https://a.example/some/path/v1", "https://a.example/some/path/v1/chat/completions"),
        ("https://[::1]:8000/v1", "https://[::1]:8000/v1/chat/completions"),
        # A gateway's version stays where it belongs.
        ("https://a.example/v1?api-version=2", "https://a.example/v1/chat/completions?api-version=2"),
        ("https://a.example/v1#part", "https://a.example/v1/chat/completions"),
        ("https://[a.example/v1", None),
        # There is one Authorization header, and the key takes it.
        ("https://user:word@a.example/v1", None),
    ],
)
def test_the_chat_api_lies_below_the_base_url(base_url: str, url: str | None) -> None:
    assert chat_url(base_url) == url
