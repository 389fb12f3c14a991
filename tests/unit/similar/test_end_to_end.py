"""Similar answers through the shipped functions: settings, an embedded store, servers that speak the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from penstock.paths import evidence_path
from penstock.ports import Fields, Put
from penstock.similar.evidence import Way
from penstock.similar.ways import way_of
from tests.servers.openai_server import OpenAIServer
from tests.unit.ops.redriving.redrive_stage import Folder

FIRST = "How do I reset my password please?"
ALIKE = "Please, how do I reset my password?"


def routes(server: OpenAIServer, **setting: Any) -> str:
    def target(name: str, model: str) -> dict[str, Any]:
        return {
            "name": name, "provider": "openai", "model": model, "base_url": server.base_url,
        }  # fmt: skip

    similar = {"max_wrong": 0.05, "embedder": "embedding"} | setting
    return json.dumps(
        {
            "default": "faq",
            "routes": {
                "faq": {"similar": similar, "targets": [target("mini", "gpt-5.4-mini")]},
                "plain": {"targets": [target("mini", "gpt-5.4-mini")]},
                "embedding": {"targets": [target("embedding", "text-embedding-3-small")]},
                "judging": {"targets": [target("judge", "gpt-5.4-nano")]},
                "verifying": {"targets": [target("verifier", "gpt-6-luna")]},
            },
        }
    )


class Deployment:
    """A folder, and the server that answers, embeds, verifies and judges for it."""

    def __init__(self, folder: Folder, server: OpenAIServer) -> None:
        self.folder, self.server = folder, server

    async def ask(self, request_id: str, prompt: str, **body: Any) -> Fields:
        whole = {"prompt": prompt, "request_id": request_id, "cache": "similar"} | body
        await self.folder.publish(whole)
        await self.folder.serve()
        record = await self.folder.record(request_id, body.get("tenant", "default"))
        return record.result or {}

    @property
    def way(self) -> Way:
        s = self.folder.services
        return way_of("faq", s.routes.routes["faq"], s.routes, s.embedders["embedding"].name)

    async def judged_before(self, **counts: int) -> None:
        known = {"n0": 200, "k0": 0, "open": 0, "open_for": 0.05, "open_n": 200, "open_k": 0, "hits": 10_000}
        put = Put(evidence_path("default", self.way.name), asdict(self.way) | known | counts)
        await self.folder.services.store.commit([put], timeout_s=10)

    async def evidence(self) -> Fields:
        path = evidence_path("default", self.way.name)
        [found] = await self.folder.services.store.read([path], timeout_s=10)
        return found.fields or {}


@pytest.fixture
async def deploy(tmp_path: Path) -> AsyncIterator[Any]:
    async with AsyncExitStack() as ending:
        server = await ending.enter_async_context(OpenAIServer())
        server.control({"by_model": {"gpt-5.4-nano": "answer says=yes", "gpt-6-luna": "answer says=Yes."}})

        async def make(**setting: Any) -> Deployment:
            folder = Folder(tmp_path, PENSTOCK_ROUTES=routes(server, **setting))
            ending.push_async_callback(folder.services.close)
            await folder.prepare()
            return Deployment(folder, server)

        yield make


async def test_an_answer_is_bought_kept_found_verified_and_given(deploy: Any) -> None:
    made = await deploy(verifier="verifier")
    await made.judged_before()
    bought = await made.ask("r1", FIRST)
    given = await made.ask("r2", ALIKE)
    assert (bought["cache"], given["cache"]) == ("miss", "similar")
    assert given["completion"] == bought["completion"]
    assert given["similar"]["source"] == "r1"
    assert 0 < given["cost"]["usd"] < bought["cost"]["usd"]
    assert given["cost"]["saved_usd"] < bought["cost"]["usd"]
    assert [asked["input"] for asked in made.server.embeddings.asked] == [FIRST, ALIKE]


async def test_evidence_is_gathered_and_opens(deploy: Any) -> None:
    made = await deploy(judge="judging")
    await made.judged_before(n0=118, open_for=0, planted=299, missed=0)
    await made.ask("r1", FIRST)
    for number, name in enumerate(("Ann", "Bob", "Eve", "Joe", "Kim", "Lee", "Max", "Pat", "Sam", "Tom")):
        result = await made.ask(f"s{number}", f"{name.lower()}, how do I reset my password please?")
        if result["cache"] == "similar":
            break
    assert result["cache"] == "similar"
    assert (await made.evidence())["open_n"] >= 119


async def test_the_wrong_dimension_is_said_and_is_a_miss(deploy: Any) -> None:
    made = await deploy(dimension=64)
    made.server.embeddings.reply = json.dumps({"data": [{"embedding": [0.5] * 8}]}).encode()
    result = await made.ask("r1", FIRST)
    assert (result["status"], result["cache"]) == ("completed", "miss")
    assert result["similar"]["why"] == (
        "Its embedder makes 8 numbers of a text and not 64: set similar.dimension."
    )


async def test_an_embedder_that_is_down_is_a_miss(deploy: Any) -> None:
    made = await deploy()
    result = await made.ask("r1", f"{FIRST} [do:status code=503 times=1]")
    assert (result["status"], result["cache"]) == ("completed", "miss")


async def test_who_does_not_ask_for_it_is_not_looked_up(deploy: Any) -> None:
    made = await deploy()
    await made.judged_before()
    for number, more in enumerate(({"cache": "use"}, {"cache": "auto", "model": "plain"}, {"cache": "off"})):
        result = await made.ask(f"r{number}", FIRST, **more)
        assert "similar" not in result
    assert made.server.embeddings.asked == []
