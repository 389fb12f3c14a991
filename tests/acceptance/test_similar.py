"""Similar answers on Google's emulators: real functions, Firestore's vector search, servers on the wire.

Each test is a tenant of its own, whose evidence is its own.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.bootstrap import build
from penstock.paths import evidence_path
from penstock.ports import Fields, Put
from penstock.settings import read_settings
from penstock.similar.evidence import Way
from penstock.similar.ways import way_of
from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.penstock_command import Operator
from tests.acceptance.system import System, running
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]
FIRST = "How do I reset my password please?"
ALIKE = "Please, how do I reset my password?"
#: What has come in before a test: no case of 200 was wrong, which opened the lowest threshold.
_OPEN = {"n0": 200, "k0": 0, "open": 0, "open_for": 0.05, "open_n": 200, "open_k": 0, "hits": 10_000}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, model: OpenAIServer
) -> AsyncIterator[System]:
    folder: Path = tmp_path_factory.mktemp("system")
    env = {"PENSTOCK_ROUTES": _routes(model.base_url), "OPENAI_API_KEY": "sk-test"}
    async with running(System(emulators, "pen-similar", folder, env)) as started:
        yield started


def _routes(url: str) -> str:
    def target(name: str, model: str) -> dict[str, Any]:
        return {"name": name, "provider": "openai", "model": model, "base_url": url}

    def similar(**more: Any) -> dict[str, Any]:
        said = {"max_wrong": 0.05, "embedder": "embedding"} | more
        return {"similar": said, "targets": [target("mini", "gpt-5.4-mini")]}

    return json.dumps(
        {
            "default": "faq",
            "routes": {
                "faq": similar(verifier="verifier"),
                "judged": similar(judge="judging"),
                "audited": similar(judge="judging", audit=0.99),
                "plain": {"targets": [target("mini", "gpt-5.4-mini")]},
                "embedding": {"targets": [target("embedding", "text-embedding-3-small")]},
                "judging": {"targets": [target("judge", "gpt-5.4-nano")]},
                "verifying": {"targets": [target("verifier", "gpt-6-luna")]},
            },
        }
    )


async def _asked(system: System, tenant: str, request_id: str, prompt: str, **body: Any) -> Fields:
    """The result."""
    whole = {"prompt": prompt, "tenant": tenant, "request_id": request_id, "cache": "similar"} | body
    await system.publish(whole)
    [message] = await system.results.of(request_id)
    result: Fields = message.json
    return result


async def _way(system: System, route: str) -> Way:
    s = build(read_settings(_environment(system)))
    try:
        return way_of(route, s.routes.routes[route], s.routes, s.embedders["embedding"].name)
    finally:
        await s.close()


def _environment(system: System) -> dict[str, str]:
    """Of a shell that talks to the emulators."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(system.folder),
        "GOOGLE_CLOUD_PROJECT": system.project,
        "PENSTOCK_BUCKET": str(system.folder / "blobs"),
        **system.emulators.environment,
        **system.env,
    }


async def _judged_before(system: System, tenant: str, route: str, **counts: int) -> Way:
    way = await _way(system, route)
    put = Put(evidence_path(tenant, way.name), asdict(way) | _OPEN | counts)
    await system.store.commit([put], timeout_s=10)
    return way


async def _evidence_when(system: System, tenant: str, way: Way, name: str) -> Fields:
    """The evidence, once it says something of `name`."""
    async with asyncio.timeout(60):
        while True:
            [found] = await system.store.read([evidence_path(tenant, way.name)], timeout_s=10)
            if found.fields is not None and name in found.fields:
                return found.fields
            await asyncio.sleep(0.05)


def _they_say(model: OpenAIServer, *, verifier: str = "Yes.", judge: str = "yes") -> None:
    said = {"gpt-6-luna": f"answer says={verifier}", "gpt-5.4-nano": f"answer says={judge}"}
    model.control({"by_model": said})


async def test_a_similar_answer_is_given_and_who_does_not_ask_for_it_is_not_looked_up(
    system: System, model: OpenAIServer
) -> None:
    _they_say(model)
    await _judged_before(system, "hit", "faq")
    bought = await _asked(system, "hit", "hit-1", FIRST)
    given = await _asked(system, "hit", "hit-2", ALIKE)
    assert (bought["cache"], given["cache"]) == ("miss", "similar")
    assert given["completion"] == bought["completion"]
    assert (given["similar"]["source"], given["similar"]["n"]) == ("hit-1", 200)
    assert 0 < given["cost"]["usd"] < bought["cost"]["usd"]
    embedded = len(model.embeddings.asked)
    for number, more in enumerate(({"cache": "use"}, {"cache": "off"}, {"cache": "auto", "model": "plain"})):
        result = await _asked(system, "hit", f"off-{number}", ALIKE, **more)
        assert "similar" not in result
    assert len(model.embeddings.asked) == embedded


async def test_guard_and_verifier_each_have_a_veto(system: System, model: OpenAIServer) -> None:
    _they_say(model, verifier="No.")
    await _judged_before(system, "veto", "faq")
    await _asked(system, "veto", "veto-1", "How do I pay invoice 4711 at the desk?")
    other = await _asked(system, "veto", "veto-2", "How do I pay invoice 4712 at the desk?")
    assert (other["cache"], other["similar"]["why"]) == (
        "miss", "The guard objects to the nearest question: numbers.",
    )  # fmt: skip
    refused = await _asked(system, "veto", "veto-3", "At the desk, how do I pay invoice 4711?")
    assert (refused["cache"], refused["similar"]["why"]) == (
        "miss", "The verifier does not say that the nearest question's answer serves.",
    )  # fmt: skip


async def test_what_a_judge_calls_wrong_counts_before_anything_is_open(
    system: System, model: OpenAIServer
) -> None:
    _they_say(model, judge="no")
    await _asked(system, "judged", "judged-1", FIRST, model="judged")
    result = await _asked(system, "judged", "judged-2", ALIKE, model="judged")
    assert (result["cache"], result["similar"]["why"]) == (
        "miss", "It is judged whether a similar answer would do.",
    )  # fmt: skip
    counted = await _evidence_when(system, "judged", await _way(system, "judged"), "n0")
    assert (counted["n0"], counted["k0"], counted.get("open")) == (1, 1, None)


async def test_drift_closes(system: System, model: OpenAIServer) -> None:
    # Given a way that is open, one wrong answer since, and a judge that finds the next one
    _they_say(model, judge="no")
    known = {"n0": 201, "k0": 1, "planted": 299, "missed": 0}
    way = await _judged_before(system, "drift", "audited", **known)
    await _asked(system, "drift", "drift-1", FIRST, model="audited")
    audited = await _asked(system, "drift", "drift-2", ALIKE, model="audited")
    assert audited["similar"]["why"] == "It is judged whether a similar answer would do."
    await _evidence_when(system, "drift", way, "closed_at")
    late = await _asked(system, "drift", "drift-3", "My password, please: how do I reset?", model="audited")
    assert (late["cache"], late["similar"]["why"]) == (
        "miss", "Too many similar answers of this way were wrong: it is closed.",
    )  # fmt: skip


async def test_what_an_operator_calls_wrong_is_given_to_nobody_any_more(
    system: System, model: OpenAIServer
) -> None:
    _they_say(model)
    way = await _judged_before(system, "wrong", "faq")
    await _asked(system, "wrong", "wrong-1", FIRST)
    assert (await _asked(system, "wrong", "wrong-2", ALIKE))["cache"] == "similar"
    done = await asyncio.to_thread(
        Operator(_environment(system)).run, "wrong", "wrong-2", "--tenant", "wrong", "--json"
    )
    assert done.code == 0, done.err
    assert done.json == {
        "source": "wrong-1", "counted": True, "closed": False, "given_to": ["wrong-2"],
    }  # fmt: skip
    again = await _asked(system, "wrong", "wrong-3", "Please, how do I reset the password?")
    assert again["cache"] == "miss"
    assert (await _asked(system, "wrong", "wrong-4", FIRST, cache="use"))["cache"] == "miss"
    assert (await _evidence_when(system, "wrong", way, "k0"))["k0"] == 1
