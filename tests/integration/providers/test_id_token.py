"""ID tokens from a metadata server that speaks Google's wire format, by Google's own library, in a process of
its own, because that library reads the server's address when it is imported."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

PROGRAM = """
import asyncio
from penstock.errors import SecretError
from penstock.adapters.providers.id_token import IdTokenKey
async def main():
    try:
        key = IdTokenKey("https://llm-abc.a.run.app/v1")
        print(await key.value(), await key.value())
    except SecretError as error:
        print("SecretError:", error)
asyncio.run(main())
"""


class MetadataServer:
    """What Google documents of it: `GET /` to be found, the account's facts, its identity for an audience;
    nothing without the header `Metadata-Flavor: Google`."""

    def __init__(self) -> None:
        self.audiences: list[str] = []
        self.works = True
        self.address = ""

    def token(self) -> str:
        parts: list[dict[str, object]] = [{"alg": "RS256"}, {"aud": "x", "exp": int(time.time()) + 3600}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, "c2ln"])

    async def root(self, http: web.Request) -> web.Response:
        return web.Response(text="computeMetadata/\n", headers={"Metadata-Flavor": "Google"})

    async def account(self, http: web.Request) -> web.Response:
        facts = {"aliases": ["default"], "email": "run@p.iam.gserviceaccount.com", "scopes": []}
        return web.json_response(facts, headers={"Metadata-Flavor": "Google"})

    async def identity(self, http: web.Request) -> web.Response:
        if http.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403)
        if not self.works:
            return web.Response(status=404, headers={"Metadata-Flavor": "Google"})
        self.audiences.append(http.query["audience"])
        return web.Response(text=self.token(), headers={"Metadata-Flavor": "Google"})


@pytest.fixture
async def metadata() -> AsyncIterator[MetadataServer]:
    server, app = MetadataServer(), web.Application()
    app.router.add_get("/", server.root)
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    app.router.add_get(account, server.account)
    app.router.add_get(account + "identity", server.identity)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = "{}:{}".format(*runner.addresses[0][:2])
    yield server
    await runner.cleanup()


async def run(metadata: MetadataServer) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"}
    environment = kept | {"GCE_METADATA_HOST": metadata.address, "GCE_METADATA_IP": metadata.address}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode().strip()


async def test_the_token_comes_from_the_metadata_server_once(metadata: MetadataServer) -> None:
    said = await run(metadata)
    assert "Error" not in said
    one, again = said.split()
    assert one.count(".") == 2
    assert again == one
    assert metadata.audiences == ["https://llm-abc.a.run.app"]


async def test_a_metadata_server_that_gives_none_is_one_clear_error(metadata: MetadataServer) -> None:
    metadata.works = False
    said = await run(metadata)
    assert said.startswith("SecretError: No ID token for https://llm-abc.a.run.app could be had")
