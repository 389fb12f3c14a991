"""Statuses and error bodies of real gateways, through the real functions: what becomes of the request, and
what its owner reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.penstock_command import Done, Operator
from tests.acceptance.system import System, running
from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

BODIES: dict[str, tuple[int, Any]] = {
    "s529": (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    "s498": (498, {"error": {"type": "capacity_exceeded", "code": "capacity_exceeded", "message": "Flex"}}),
    "s522": (522, None),
    "s499": (499, [{"error": {"code": 499, "message": "Cancelled.", "status": "CANCELLED"}}]),
    "s409": (409, {"error": {"message": "x", "type": "some_error"}}),
    "s401": (401, {"error": {"message": "x", "type": "some_error"}}),
    "google-key": (
        400,
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}],
    ),
    "no-quota": (429, {"error": {"message": "x", "type": "insufficient_quota", "code": None}}),
    "moderated": (
        403,
        {"error": {"code": 403, "message": "Your input was flagged for \"self-harm\"",
                   "metadata": {"reasons": ["self-harm"], "flagged_input": "..."}}},
    ),
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[System]:
    # A target for each, since a row of failures puts a target to rest
    routes = {
        name: {"targets": [{"name": f"t-{name}", "provider": "openai", "model": f"m-{name}",
                            "base_url": provider.base_url, "price": "gpt-5.4-nano"}]}
        for name in BODIES
    }  # fmt: skip
    folder: Path = tmp_path_factory.mktemp("system")
    env = {"PENSTOCK_ROUTES": json.dumps({"default": "s529", "routes": routes})}
    async with running(System(emulators, "pen-gateways", folder, env)) as started:
        yield started


async def ask(system: System, provider: OpenAIServer, name: str, times: int | None, **fields: Any) -> None:
    """Publish a request to the route `name`, whose provider fails in its way, `times` or always."""
    status, body = BODIES[name]
    text = "" if body is None else json.dumps(body)
    provider.by_model[f"m-{name}"] = Behaviour("status", times, None, {"code": str(status), "body": text})
    await system.publish({"prompt": f"[id:{name}]", "request_id": name, "model": name, **fields})


def get(system: System, *words: str) -> Done:
    """`penstock get`, at the system's emulators."""
    env = {**system.emulators.environment, "GOOGLE_CLOUD_PROJECT": system.project}
    return Operator.at(system.folder / "none").but(PENSTOCK_LOCAL=None, **env).run("get", *words)


@pytest.mark.parametrize(("name", "times"), [("s529", 4), ("s498", 4), ("s522", 4), ("no-quota", 2)])
async def test_what_is_surely_not_paid_is_put_aside_without_a_count(
    system: System, provider: OpenAIServer, name: str, times: int
) -> None:
    # Given so many refusals that one delivery gives up, then an answer
    await ask(system, provider, name, times)
    [message] = await system.results.of(name, within_s=120)
    assert message.json["status"] == "completed"
    assert (await system.at_rest(name))["tries"] == 0
    assert "unknown" not in message.json["cost"]["breakdown"]
    assert message.json["attempts"] == provider.ledger.counts()[name] == times + 1


@pytest.mark.parametrize("name", ["s499", "s409"])
async def test_what_may_be_paid_is_tried_again_and_counted(
    system: System, provider: OpenAIServer, name: str
) -> None:
    await ask(system, provider, name, 2)
    [message] = await system.results.of(name)
    assert message.json["status"] == "completed"
    assert (await system.at_rest(name))["tries"] == 2
    assert provider.ledger.counts()[name] == 3


async def test_a_flagged_prompt_is_refused_once_and_nobody_else_rests(
    system: System, provider: OpenAIServer
) -> None:
    await ask(system, provider, "moderated", None)
    [message] = await system.results.of("moderated")
    assert message.json["error"]["reason"] == "content_refused"
    assert provider.ledger.counts()["moderated"] == 1
    # If others come right after it, I expect them to be asked
    provider.by_model.clear()
    for number in range(12):
        body = {"prompt": f"[id:fine-{number}]", "request_id": f"fine-{number}", "model": "moderated"}
        await system.publish(body)
    for number in range(12):
        [message] = await system.results.of(f"fine-{number}")
        assert message.json["status"] == "completed"


@pytest.mark.parametrize("name", ["s401", "google-key"])
async def test_a_parked_request_names_the_key_and_its_calls(
    system: System, provider: OpenAIServer, name: str
) -> None:
    # Given a key that the provider does not know, and enough requests to put its target to rest
    await ask(system, provider, name, None, max_wait_s=25)
    await asyncio.gather(
        *(
            system.publish(
                {"prompt": f"[id:{name}-{number}]", "request_id": f"{name}-{number}", "model": name}
            )
            for number in range(10)
        )
    )
    async with asyncio.timeout(60):
        while (await system.document_when(name, state="parked"))["parks"] < 1:
            await asyncio.sleep(0.2)

    # I expect it told what it waits for
    done = await asyncio.to_thread(get, system, name)
    assert done.code == 1
    assert "The last answer: The provider does not let the key in (HTTP 40" in done.out.replace("\n", " ")
    told = (await asyncio.to_thread(get, system, name, "--json")).json
    assert told["last_answer"]["outcome"] == "unpaid"
    made = [one for one in told["attempts"] if one["outcome"] != "not called"]
    assert told["calls"] == sum(one.get("asked", 1) for one in made)

    # and at its deadline the failure says it too, with as many calls as the provider saw
    [message] = await system.results.of(name, within_s=120)
    assert message.json["error"]["reason"] == "deadline_exceeded"
    assert "; last answer: the provider does not let the key in (HTTP 40" in message.json["error"]["message"]
    assert message.json["attempts"] == provider.ledger.counts()[name]
