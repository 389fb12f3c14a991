"""A route from one's own engine to a hosted model: over to the next target when it must, and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.system import System, running
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EngineServer]:
    """A TGI that takes two requests at once and answers 429 to more."""
    parameters = EngineParameters(step_s=0.05)
    async with EngineServer(EngineOptions("tgi", parameters, max_concurrent_requests=2)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosted() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators,
    tmp_path_factory: pytest.TempPathFactory,
    engine: EngineServer,
    hosted: OpenAIServer,
) -> AsyncIterator[System]:
    own = {"name": "own", "provider": "tgi", "model": "llama", "base_url": engine.url}
    bought = {"name": "hosted", "provider": "openai", "model": "gpt-5.4-nano", "base_url": hosted.base_url}
    routes = {
        "default": "own-first",
        "routes": {
            "own-first": {"fallback": True, "targets": [own, bought]},
            "own-only": {"targets": [own]},
        },
    }
    folder: Path = tmp_path_factory.mktemp("system")
    env = {"PENSTOCK_ROUTES": json.dumps(routes)}
    async with running(System(emulators, "pen-fallback", folder, env)) as started:
        yield started


def request(request_id: str, tokens: int, **fields: str) -> dict[str, Any]:
    body: dict[str, Any] = {"prompt": f"[id:{request_id}]", "request_id": request_id}
    return body | {"params": {"max_tokens": tokens}} | fields


async def test_a_saturated_engine_hands_over_and_takes_back(
    system: System, engine: EngineServer, hosted: OpenAIServer
) -> None:
    # Given an engine at work on as many requests as it takes
    for n in range(2):
        await system.publish(request(f"busy-{n}", 100))
    while len(engine.batch.running) < 2:
        await asyncio.sleep(0.02)

    # If more come, I expect the hosted target to answer them, and the results to say so
    for n in range(3):
        await system.publish(request(f"over-{n}", 5))
    over = [(await system.results.of(f"over-{n}"))[0].json for n in range(3)]
    assert {result["target"] for result in over} == {"hosted"}
    assert {result["provider"] for result in over} == {"openai"}
    assert all(result["cost"]["usd"] > 0 for result in over)

    # and once the engine is free again, the engine
    for n in range(2):
        [message] = await system.results.of(f"busy-{n}")
        assert message.json["target"] == "own"
    await system.publish(request("back", 5))
    [back] = await system.results.of("back")
    assert back.json["target"] == "own"


async def test_a_refusal_never_falls_through(
    system: System, engine: EngineServer, hosted: OpenAIServer
) -> None:
    # Given an engine that finds the request wrong
    engine.fail_next.append(422)
    before = sum(hosted.ledger.counts().values())
    await system.publish(request("wrong", 5))

    # I expect the refusal as the result, and nobody else asked
    [message] = await system.results.of("wrong")
    assert message.json["error"]["reason"] == "provider_rejected"
    assert message.json["target"] == "own"
    assert sum(hosted.ledger.counts().values()) == before


async def test_a_route_without_fallback_waits_for_its_target(system: System, engine: EngineServer) -> None:
    engine.fail_next.extend([429])
    await system.publish(request("patient", 5, model="own-only"))
    [message] = await system.results.of("patient")
    assert message.json["status"] == "completed"
    assert message.json["target"] == "own"
