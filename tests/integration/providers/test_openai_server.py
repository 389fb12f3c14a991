"""The test server itself: other tests believe its ledger, so it is checked as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_server import OpenAIServer

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield session


async def chat(http: aiohttp.ClientSession, url: str, text: str, model: str = "m", **headers: str) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    async with http.post(f"{url}/v1/chat/completions", json=body, headers=headers) as reply:
        return reply.status, await reply.json()


async def test_killed_in_mid_call_it_leaves_its_ledger(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    ledger = tmp_path / "calls.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.servers.openai_server", "--ledger", str(ledger)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        await chat(http, url, "[id:a]")
        hanging = asyncio.create_task(chat(http, url, "[id:b] [do:hang]"))
        async with http.get(f"{url}/_ledger?calls=2&id=b&timeout=0") as reply:
            assert reply.status == 408
        async with http.get(f"{url}/_ledger?calls=2") as reply:
            assert [call["outcome"] for call in await reply.json()] == ["answered", None]
        process.kill()
        with pytest.raises(aiohttp.ClientError):
            await hanging
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(line["event"], line["id"]) for line in lines] == [("taken", "a"), ("ended", "a"), ("taken", "b")]


async def test_answers_follow_from_model_and_messages_alone(http: aiohttp.ClientSession) -> None:
    async with OpenAIServer() as server, OpenAIServer() as other:
        one = await chat(http, server.url, "hello")
        assert await chat(http, other.url, "hello") == one
        assert await chat(http, other.url, "hello!") != one
        assert (await chat(http, other.url, "hello", model="n"))[1]["choices"] != one[1]["choices"]


async def test_behaviours_by_prompt_header_model_id_and_order(http: aiohttp.ClientSession) -> None:
    async with OpenAIServer() as server:
        assert (await chat(http, server.url, "[do:status code=418]"))[0] == 418
        assert (await chat(http, server.url, "x", **{"x-do": "status code=418"}))[0] == 418
        assert (await chat(http, server.url, "x", model="do:status code=418"))[0] == 418
        orders = {"by_id": {"a": "status code=503"}, "by_model": {"n": {"kind": "status", "code": 500}}}
        async with http.post(f"{server.url}/_control", json=orders | {"behaviour": "empty"}) as reply:
            assert reply.status == 200
        assert (await chat(http, server.url, "[id:a]"))[0] == 503
        assert (await chat(http, server.url, "x", model="n"))[0] == 500
        assert (await chat(http, server.url, "x"))[1]["choices"] == []
        # Taken back, it answers; and an order that does not exist is refused.
        server.control({"behaviour": None, "by_id": {"a": None}})
        assert (await chat(http, server.url, "[id:a]"))[0] == 200
        for wrong in ({"behaviour": "dance"}, {"speed": 9}):
            async with http.post(f"{server.url}/_control", json=wrong) as reply:
                assert reply.status == 400


async def test_it_fails_so_many_times_for_each_prompt_and_then_answers(http: aiohttp.ClientSession) -> None:
    async with OpenAIServer() as server:
        server.behaviour = Behaviour.parse("status code=503 times=2")
        for id in ("a", "b"):
            statuses = [(await chat(http, server.url, f"[id:{id}]"))[0] for _ in range(4)]
            assert statuses == [503, 503, 200, 200]
        assert server.ledger.counts() == {"a": 4, "b": 4}
        assert server.ledger.counts(billed_only=True) == {"a": 2, "b": 2}


async def test_capacity_key_and_hold(http: aiohttp.ClientSession) -> None:
    async with OpenAIServer(capacity=1, key="k") as server:
        assert (await chat(http, server.url, "x"))[0] == 401
        held = asyncio.create_task(chat(http, server.url, "[id:h] [do:hold]", Authorization="Bearer k"))
        await server.ledger.wait_for(calls=1, id="h")
        assert (await chat(http, server.url, "x", Authorization="Bearer k"))[0] == 429
        async with http.post(f"{server.url}/_release"):
            assert (await held)[0] == 200
        outcomes = [call.outcome for call in server.ledger.calls]
        assert outcomes == ["unauthorized", "answered", "status"]
