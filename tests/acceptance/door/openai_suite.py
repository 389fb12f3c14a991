"""A plugin for openai-python's own tests, which are made for a mock that knows every id.

Given to their pytest by `-p`. Before each test it makes the things that the test asks for by name, through
the door itself; what is changed of the tests is the key alone.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

#: Sent to make what a test looks for: by the name that it looks for.
RESPONSE_ID = "resp_677efb5139a88190b512bc3fef8e535d"
RESPONSE = {"model": "gpt-6-astra", "input": "Say it."}


def pytest_collection_finish(session: pytest.Session) -> None:
    sys.modules["tests.conftest"].api_key = os.environ["TEST_API_KEY"]  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "test_responses.py" in str(item.path):
        _response()


def _response() -> None:
    """A response under the id that the tests name: the test before may have deleted it."""
    if _call("GET", f"/responses/{RESPONSE_ID}") == 404:
        _call("POST", "/responses", RESPONSE, {"Idempotency-Key": RESPONSE_ID})


def _call(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(
        os.environ["TEST_API_BASE_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['TEST_API_KEY']}", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
