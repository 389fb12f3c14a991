"""The machine's token: fetched once while it lives, and a sentence where there is none."""

from __future__ import annotations

import aiohttp
import pytest

from penstock.drain.shelf_errors import ShelfError
from penstock.drain.token import MachineToken
from tests.servers.metadata_server import MetadataServer


@pytest.mark.parametrize(("life_s", "fetched"), [(3600, 1), (60, 2)])
async def test_a_token_is_kept_until_it_is_nearly_over(life_s: int, fetched: int) -> None:
    async with MetadataServer() as server, aiohttp.ClientSession() as http:
        server.life_s = life_s
        token = MachineToken(f"http://{server.address}")
        said = [await token.get(http), await token.get(http)]
        assert said == [server.issued[0], server.issued[fetched - 1]]
        assert len(server.issued) == fetched


async def test_no_token_is_a_sentence() -> None:
    async with MetadataServer() as server, aiohttp.ClientSession() as http:
        server.statuses = [404]
        with pytest.raises(ShelfError, match="No token from the metadata server"):
            await MachineToken(f"http://{server.address}").get(http)
