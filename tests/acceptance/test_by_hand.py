"""A real request_handler on a folder, posted to by hand as Google's samples do: what is taken, sent, told."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.clock import SystemClock
from penstock.paths import request_path
from penstock.requests.record import Record
from penstock_ops.terminal.topology import Topology, create_local
from tests.acceptance.system import Function
from tests.servers.openai_server import OpenAIServer

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

EVENT = {
    "Content-Type": "application/json",
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce-source": "//pubsub.googleapis.com/projects/P/topics/T",
}
SUBSCRIPTION = "projects/P/subscriptions/S"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def handler(
    tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[Function]:
    target = {"name": "t", "provider": "openai", "model": "m", "base_url": provider.base_url}
    routes = {
        "default": "a",
        "routes": {"a": {"targets": [target | {"max_tokens_as": "max_completion_tokens"}]}},
    }
    async for function in _running(tmp_path_factory.mktemp("hand"), PENSTOCK_ROUTES=json.dumps(routes)):
        bus = LocalBus(folder_of(function), SystemClock())
        await create_local(Topology(), bus, {})
        await bus.close()
        yield function


async def _running(folder: Path, **env: str) -> AsyncIterator[Function]:
    env |= {"PENSTOCK_LOCAL": str(folder / "penstock"), "HOME": str(folder)}
    function = Function("request_handler", env, folder)
    await function.start()
    yield function
    function.stop()


def folder_of(function: Function) -> Path:
    return function.log.parent / "penstock"


async def post(function: Function, message: dict[str, Any], **headers: str) -> int:
    """POST a push; the HTTP status."""
    body = json.dumps({"message": message, "subscription": SUBSCRIPTION}).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(function.url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def ask(function: Function, body: Any) -> Record:
    """Post a request as Google's own sample does: with the CloudEvent's headers, and no id or time in it."""
    data = b64encode(json.dumps(body).encode()).decode()
    headers = {"ce-id": f"ce-{body['request_id']}", "ce-time": "2030-11-28T12:34:56.789Z"}
    assert await post(function, {"data": data}, **EVENT, **headers) in (200, 204)
    store = SqliteStore(folder_of(function), SystemClock())
    [found] = await store.read([request_path("default", body["request_id"])], timeout_s=10)
    await store.close()
    assert found.fields is not None, function.log.read_text()
    return Record.decode(found.fields)


async def test_googles_own_curl_sample_is_a_push(handler: Function) -> None:
    record = await ask(handler, {"prompt": "push", "request_id": "p1"})
    assert record.completed
    assert record.message_id == "ce-p1"
    assert record.published_at == datetime(2030, 11, 28, 12, 34, 56, 789000, tzinfo=UTC)


def schema(levels: int) -> dict[str, Any]:
    if not levels:
        return {"type": "object", "properties": {"unit": {"type": "string", "enum": ["g", "ml"]}}}
    return {"type": "object", "properties": {"of": {"type": "array", "items": schema(levels - 1)}}}


async def test_what_clients_really_send_reaches_the_provider(
    handler: Function, provider: OpenAIServer
) -> None:
    # Given a conversation as SDKs dump it, with thoughts that must go back, and a schema of ten levels
    call = {"id": "a", "type": "function", "function": {"name": "w", "arguments": "{}"}}
    signed = call | {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    dump = {"content": None, "refusal": None, "role": "assistant", "annotations": [], "audio": None,
            "function_call": None, "tool_calls": [signed], "reasoning_content": "I need it."}  # fmt: skip
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema(9)}}
    messages = [
        {"role": "user", "content": "weather?", "name": None},
        dump,
        {"role": "tool", "tool_call_id": "a", "content": "20C"},
    ]
    params = {"max_tokens": 50, "response_format": form}
    record = await ask(handler, {"messages": messages, "params": params, "request_id": "real"})

    # I expect the provider asked just that, without what says nothing, and under its own name for the limit
    assert record.completed
    assert provider.last_body == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [signed], "reasoning_content": "I need it."},
            messages[2],
        ],
        "stream": False,
        "max_completion_tokens": 50,
        "response_format": form,
    }


async def test_a_dead_letter_that_cannot_be_put_anywhere_is_an_error_in_the_log(tmp_path: Path) -> None:
    """Given a folder without any topic, and a message that can be no request."""
    async for function in _running(tmp_path):
        message = {"attributes": {"a": "b"}, "messageId": "2", "publishTime": "2026-11-28T13:20:00Z"}
        assert await post(function, message) == 503
        lines = [json.loads(line) for line in function.log.read_text().splitlines() if line.startswith("{")]
        [error] = [line for line in lines if line["severity"] == "ERROR"]
        assert error["action"] == "deadletter.unpublished"
        assert "llm-dead-letters" in error["message"]
        assert "create it first" in error["reason"]
        assert error["source_message_id"] == "2"
