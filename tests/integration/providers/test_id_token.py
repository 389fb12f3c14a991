"""ID tokens from a metadata server that speaks Google's wire format, by Google's own library, in a process of
its own, because that library reads the server's address when it is imported."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from tests.servers.metadata_server import MetadataServer

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


@pytest.fixture
async def metadata() -> AsyncIterator[MetadataServer]:
    async with MetadataServer() as server:
        yield server


async def run(metadata: MetadataServer) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, env=metadata.environment, stdout=asyncio.subprocess.PIPE
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
    metadata.statuses = [404] * 9
    said = await run(metadata)
    assert said.startswith("SecretError: No ID token for https://llm-abc.a.run.app could be had")
