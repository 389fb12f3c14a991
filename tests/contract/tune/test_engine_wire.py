"""The engine server speaks TGI's and vLLM's wire: proven with the clients that Penstock uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import pytest
from huggingface_hub import AsyncInferenceClient
from openai import APIStatusError, AsyncOpenAI, DefaultAioHttpClient

from penstock_ops.tune.metrics import parse_metrics
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer

FAST = EngineParameters(step_s=0.0001, sequence_s=0.0, slots=4)
SCHEMA = {"type": "object", "properties": {"river": {"type": "string"}, "gates": {"type": "integer"}}}
HELLO: Any = [{"role": "user", "content": "open the gate"}]


@asynccontextmanager
async def vllm(**options: Any) -> AsyncIterator[tuple[EngineServer, AsyncOpenAI]]:
    async with (
        EngineServer(EngineOptions(kind="vllm", parameters=FAST, **options)) as server,
        AsyncOpenAI(
            base_url=server.url + "/v1", api_key="none", max_retries=0, http_client=DefaultAioHttpClient()
        ) as client,
    ):
        yield server, client


async def posted(url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, await response.json(), dict(response.headers)


async def test_given_vllm_and_a_question_i_expect_a_completion_with_usage() -> None:
    async with vllm() as (_, client):
        found = await client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=5)
        assert found.usage is not None
        assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (3 + 4, 5)


async def test_given_vllm_and_a_json_schema_i_expect_json_of_it() -> None:
    async with vllm() as (_, client):
        form: Any = {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA}}
        found = await client.chat.completions.create(model="tiny", messages=HELLO, response_format=form)
        assert found.choices[0].message.content == '{"river": "word", "gates": 1}'


async def test_given_tgis_form_of_a_schema_vllm_drops_it_silently() -> None:
    async with vllm() as (server, _):
        body = {"model": "tiny", "messages": HELLO, "response_format": {"type": "json", "value": SCHEMA}}
        status, found, _ = await posted(server.url + "/v1/chat/completions", body)
        assert status == 200
        assert found["choices"][0]["message"]["content"].startswith("word")


async def test_given_prompt_tokens_details_i_expect_cached_tokens_of_an_equal_beginning() -> None:
    async with vllm(prompt_tokens_details=True) as (_, client):
        begin = " ".join(["water"] * 40)
        for question, cached in ((begin, 0), (begin + " and more", 32)):
            messages: Any = [{"role": "user", "content": question}]
            found = await client.chat.completions.create(model="tiny", messages=messages)
            assert found.usage is not None
            assert found.usage.prompt_tokens_details is not None
            assert found.usage.prompt_tokens_details.cached_tokens == cached


@pytest.mark.parametrize(
    ("change", "status"),
    [({"model": "other"}, 404), ({"max_tokens": 10**6}, 400), ({"messages": []}, 400)],
)
async def test_given_what_vllm_refuses_i_expect_its_status_and_form(
    change: dict[str, Any], status: int
) -> None:
    async with vllm() as (server, _):
        body = {"model": "tiny", "messages": HELLO, **change}
        found, error, _ = await posted(server.url + "/v1/chat/completions", body)
        assert found == status
        assert error["error"]["code"] == status


async def test_given_a_full_queue_vllm_answers_503() -> None:
    async with vllm(queue_limit=0) as (_, client):
        with pytest.raises(APIStatusError) as raised:
            await client.chat.completions.create(model="tiny", messages=HELLO)
        assert raised.value.status_code == 503


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "overloaded"), (422, "validation"), (424, "generation"), (500, "incomplete_generation")],
)
async def test_given_an_ordered_failure_tgi_names_its_kind(
    status: Literal[429, 422, 424, 500], kind: str
) -> None:
    async with EngineServer(EngineOptions(kind="tgi", parameters=FAST)) as server:
        server.fail_next.append(status)
        found, error, headers = await posted(server.url + "/v1/chat/completions", {"messages": HELLO})
        assert (found, error["error_type"]) == (status, kind)
        assert "Retry-After" not in headers


async def test_given_huggingfaces_client_tgi_answers_with_queue_times() -> None:
    async with EngineServer(EngineOptions(kind="tgi", parameters=FAST)) as server:
        async with AsyncInferenceClient(base_url=server.url, api_key="none") as client:
            found = await client.chat_completion(HELLO, max_tokens=7)
        assert found.usage.completion_tokens == 7
        _, _, headers = await posted(server.url + "/generate", {"inputs": "open the gate"})
        assert int(headers["x-queue-time"]) >= 0
        assert int(headers["x-total-time"]) >= int(headers["x-inference-time"])


@pytest.mark.parametrize("kind", ["tgi", "vllm"])
async def test_metrics_count_what_was_done(kind: Literal["tgi", "vllm"]) -> None:
    async with EngineServer(EngineOptions(kind=kind, parameters=FAST)) as server:
        for _ in range(3):
            await posted(server.url + "/v1/chat/completions", {"model": "tiny", "messages": HELLO})
        async with aiohttp.ClientSession() as session, session.get(server.url + "/metrics") as response:
            found = parse_metrics(await response.text())
        assert found is not None
        assert found.kind == kind
        assert found.values["queue_s_count"] == 3
        assert found.values["running"] == 0
