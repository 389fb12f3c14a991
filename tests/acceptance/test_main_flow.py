"""The main path on the emulators: a prompt is published, its result is where clients look for it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.system import System, running
from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_server import OpenAIServer

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(180)]

MODEL = "gpt-5.4-nano"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key="sk-planted-secret") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[System]:
    env = {
        "OPENAI_API_KEY": "sk-planted-secret",
        "OPENAI_BASE_URL": provider.base_url,
        "PENSTOCK_DEFAULT_MODEL": MODEL,
    }
    folder: Path = tmp_path_factory.mktemp("system")
    async with running(System(emulators, "pen-main-flow", folder, env)) as started:
        yield started


pytestmark.append(pytest.mark.asyncio(loop_scope="module"))


async def test_a_prompt_becomes_a_result(system: System, provider: OpenAIServer) -> None:
    # Given a request with everything that a client may say
    body = {"prompt": "What is a penstock? [id:first]", "metadata": {"doc.id": "7"}, "params": {"seed": 1}}

    # If it is published
    await system.publish(body, request_id="first", tenant="acme")

    # I expect the result on the response topic
    [message] = await system.results.of("first")
    assert message.attributes["status"] == "completed"
    result = message.json
    assert result["completion"]["text"]
    assert (result["tenant"], result["request_id"], result["redrive_count"]) == ("acme", "first", 0)
    assert (result["cache"], result["target"], result["provider"]) == ("miss", "openai", "openai")
    assert result["usage"]["prompt_tokens"] > 0
    assert result["cost"]["usd"] > 0
    assert result["metadata"] == {"doc.id": "7"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert result["payload_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()

    # and the same result in Firestore, at rest once the response_processor has confirmed it
    async with asyncio.timeout(30):
        while "confirmed_at" not in (document := await system.document("first", "acme") or {}):
            await asyncio.sleep(0.05)
    assert document["result"] == result
    assert "due_at" not in document
    assert "open_since" not in document
    assert document["expires_at"] > document["confirmed_at"]
    assert provider.ledger.counts()["first"] == 1


async def test_the_same_question_again_costs_nothing(system: System, provider: OpenAIServer) -> None:
    await system.publish({"prompt": "Twice? [id:again]", "request_id": "again-1"})
    [first] = await system.results.of("again-1")
    await system.publish({"prompt": "Twice? [id:again]", "request_id": "again-2"})
    [second] = await system.results.of("again-2")

    assert second.json["cache"] == "hit"
    assert second.json["completion"] == first.json["completion"]
    assert second.json["cost"]["usd"] == 0
    assert second.json["cost"]["saved_usd"] == first.json["cost"]["usd"]
    assert provider.ledger.counts()["again"] == 1


async def test_another_tenant_never_sees_it(system: System, provider: OpenAIServer) -> None:
    await system.publish({"prompt": "Mine? [id:mine]", "request_id": "mine", "tenant": "one"})
    await system.results.of("mine")
    await system.publish({"prompt": "Mine? [id:mine]", "request_id": "mine", "tenant": "two"})
    results = await system.results.of("mine", 2)

    assert [message.json["cache"] for message in results] == ["miss", "miss"]
    assert provider.ledger.counts()["mine"] == 2


async def test_an_id_is_the_message_id_when_the_client_gives_none(system: System) -> None:
    message_id = await system.publish({"prompt": "Anonymous?"})
    [message] = await system.results.of(message_id)
    assert message.attributes["tenant"] == "default"
    assert message.json["status"] == "completed"


async def test_identical_requests_at_once_are_one_call(system: System, provider: OpenAIServer) -> None:
    # Given a provider that holds its answer
    provider.by_id["flight"] = Behaviour("hold")

    # If twenty clients ask the same at the same time
    ids = [f"flight-{n}" for n in range(20)]
    for request_id in ids:
        await system.publish({"prompt": "All together [id:flight]", "request_id": request_id})
    await provider.ledger.wait_for(calls=1, id="flight")
    for request_id in ids:
        document = await system.document(request_id)
        while document is None:
            await asyncio.sleep(0.02)
            document = await system.document(request_id)
    provider.released.set()

    # I expect one call, and everybody answered
    results = [(await system.results.of(request_id))[0].json for request_id in ids]
    assert {result["status"] for result in results} == {"completed"}
    assert sorted({result["cache"] for result in results}) == ["coalesced", "miss"]
    assert provider.ledger.counts()["flight"] == 1


async def test_gcloud_publishes_and_the_result_is_there(system: System) -> None:
    # Given the command of the README, pointed at the emulator
    environment = os.environ | {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{system.emulators.environment['PUBSUB_EMULATOR_HOST']}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": system.project,
        "CLOUDSDK_CONFIG": str(system.folder / "gcloud"),
    }
    message = '{"prompt": "What is a penstock?", "request_id": "by-gcloud"}'
    command = ("gcloud", "pubsub", "topics", "publish", "llm-requests", f"--message={message}")

    # If it is run
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await process.wait() == 0

    # I expect the result on the response topic and in Firestore
    [result] = await system.results.of("by-gcloud")
    document = await system.at_rest("by-gcloud")
    assert document["result"] == result.json
    assert result.json["status"] == "completed"


async def test_every_outcome_is_one_log_line(system: System) -> None:
    # What metrics and alerts live on: hits and coalesced answers have their line too
    lines = [json.loads(line) for line in system.log_lines() if '"request.finished"' in line]
    by_id = {line["request_id"]: line for line in lines}
    assert by_id["first"]["cache"] == "miss"
    assert by_id["again-2"]["cache"] == "hit"
    assert {by_id[f"flight-{n}"]["cache"] for n in range(20)} == {"miss", "coalesced"}
    assert len(lines) == len({(line["tenant"], line["request_id"]) for line in lines})
