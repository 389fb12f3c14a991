"""Google's OpenAI-compatible endpoint by identity: request to result on the embedded stack, with a metadata
server and an endpoint on sockets of this machine. In a process of its own: google-auth reads the server's
address when it is imported."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.servers.metadata_server import MetadataServer

pytestmark = pytest.mark.slow

FOLDER = "/v1/projects/my-project-1/locations/global/endpoints/openapi"
MODEL = "google/gemini-3.5-flash"
#: Handles each request in turn, and prints a line of JSON for each: its result, or null while there is none.
PROGRAM = """
import asyncio, json, os, sys
from datetime import UTC, datetime
from penstock import paths
from penstock.adapters.providers import retried
from penstock.bootstrap import build
from penstock.messages.envelope import Envelope
from penstock.requests.handle import handle
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local

async def main(env, within_s, pause_s, names):
    retried.WITHIN_S = within_s
    s = build(read_settings(env))
    await create_local(Topology(), s.bus, {})
    for name in names:
        body = {"prompt": f"How high is {name}?", "request_id": name, "params": {"max_tokens": 9}}
        await handle(s, Envelope(json.dumps(body).encode(), {}, name, datetime.now(UTC), "requests"))
        [found] = await s.store.read([paths.request_path("default", name)], timeout_s=5)
        print(json.dumps(found.fields.get("result")))
        await asyncio.sleep(pause_s)
    await s.close()
    sys.stdout.flush()
    os._exit(0)  # a fetch that nobody waits for any more runs on in its thread

asyncio.run(main(*json.loads(sys.argv[1])))
"""


@dataclass
class Endpoint:
    """What is asked of it, in whose name; `revoked` tokens get 401 as Google words it."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)

    async def complete(self, http: web.Request) -> web.Response:
        token = http.headers.get("Authorization", "").removeprefix("Bearer ")
        body = await http.json()
        self.asked.append((token, body))
        if token in self.revoked or not token.startswith("ya29."):
            error = {"code": 401, "message": "Request had invalid credentials.", "status": "UNAUTHENTICATED"}
            return web.json_response([{"error": error}], status=401)
        message = {"content": "As high as the dam.", "role": "assistant"}
        choice = {"finish_reason": "stop", "index": 0, "logprobs": None, "message": message}
        usage = {"completion_tokens": 6, "prompt_tokens": 3, "total_tokens": 9}
        reply = {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}
        return web.json_response(reply | {"id": "a", "created": 1, "system_fingerprint": ""})


@pytest.fixture
async def metadata() -> AsyncIterator[MetadataServer]:
    async with MetadataServer() as server:
        yield server


@pytest.fixture
async def google() -> AsyncIterator[Endpoint]:
    endpoint, app = Endpoint(), web.Application()
    app.router.add_post(FOLDER + "/chat/completions", endpoint.complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint.url = "http://{}:{}".format(*runner.addresses[0][:2]) + FOLDER
    yield endpoint
    await runner.cleanup()


class Run:
    """Runs PROGRAM against the two servers."""

    def __init__(self, metadata: MetadataServer, google: Endpoint, folder: Path) -> None:
        self.metadata, self.google, self._folder = metadata, google, folder
        self.log = ""

    async def __call__(self, *names: str, within_s: float = 10.0, pause_s: float = 0.0) -> list[Any]:
        """The results of these requests."""
        target = {"name": "flash", "provider": "openai", "model": MODEL, "auth": "access_token"}
        routes = {"default": "a", "routes": {"a": {"targets": [target | {"base_url": self.google.url}]}}}
        env = {"PENSTOCK_LOCAL": str(self._folder), "PENSTOCK_ROUTES": json.dumps(routes)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            json.dumps([env, within_s, pause_s, names]),
            env=self.metadata.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        self.log = out.decode() + err.decode()
        lines = [json.loads(line) for line in out.decode().splitlines()]
        return [line for line in lines if line is None or "action" not in line]


@pytest.fixture
def run(metadata: MetadataServer, google: Endpoint, tmp_path: Path) -> Run:
    return Run(metadata, google, tmp_path)


async def test_an_answer_without_any_key(run: Run) -> None:
    [result] = await run("r1")
    assert result["status"] == "completed"
    assert result["completion"]["text"] == "As high as the dam."
    [(token, body)] = run.google.asked
    assert token == "ya29.token-1"
    assert (body["model"], body["max_tokens"]) == (MODEL, 9)
    assert run.metadata.scopes == ["https://www.googleapis.com/auth/cloud-platform"]
    # No price without a source: null, never 0
    assert result["cost"]["usd"] is None


async def test_no_token_in_log_or_store(run: Run, tmp_path: Path) -> None:
    await run("r1")
    assert "ya29" not in run.log
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"ya29" in file.read_bytes()]


async def test_one_token_serves_many_calls(run: Run) -> None:
    await run("r1", "r2", "r3")
    assert len(run.google.asked) == 3
    assert run.metadata.issued == ["ya29.token-1"]


@pytest.mark.slow
async def test_it_is_replaced_before_it_ends(run: Run) -> None:
    # Given tokens of two seconds, which are kept for half of that
    run.metadata.life_s = 2
    results = await run("r1", "r2", pause_s=1.1)
    assert [result["status"] for result in results] == ["completed"] * 2
    assert [token for token, _ in run.google.asked] == ["ya29.token-1", "ya29.token-2"]


async def test_a_refused_token_is_fetched_once_more(run: Run) -> None:
    run.google.revoked = {"ya29.token-1"}
    [result] = await run("r1")
    assert result["status"] == "completed"
    assert [token for token, _ in run.google.asked] == ["ya29.token-1", "ya29.token-2"]


async def test_an_identity_that_may_not_ask_fetches_one_more_token_and_no_other(run: Run) -> None:
    run.google.revoked = {f"ya29.token-{number}" for number in range(1, 99)}
    assert await run("r1") == [None]
    assert run.metadata.issued == ["ya29.token-1", "ya29.token-2"]
    assert {token for token, _ in run.google.asked[1:]} == {"ya29.token-2"}


@pytest.mark.slow
async def test_a_metadata_server_that_fails_for_a_moment_costs_no_request(run: Run) -> None:
    run.metadata.statuses = [503]
    [result] = await run("r1")
    assert result["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("statuses", [[404] * 9, [500] * 99])
async def test_without_a_token_nothing_is_sent_and_the_request_waits(run: Run, statuses: list[int]) -> None:
    run.metadata.statuses = statuses
    assert await run("r1", within_s=1.0) == [None]
    assert run.google.asked == []


@pytest.mark.slow
async def test_a_metadata_server_that_is_slow_is_not_waited_for(run: Run) -> None:
    run.metadata.slow_s = 2.5
    assert await run("r1", within_s=0.5) == [None]
    assert run.google.asked == []
