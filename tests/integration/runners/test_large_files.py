"""Files of the size that the Batch API takes at most (200 MB), there and back: never whole in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest
from aiohttp import BodyPartReader, web

from penstock.adapters.providers.keys import PlainKey
from penstock.adapters.runners.openai import OpenAIRunner

_MOST = 200 * 1000 * 1000
_LINE = b"x" * 99_999 + b"\n"
#: What both ends together may hold at once, in bytes.
_ROOM = 16 * 1024 * 1024

pytestmark = pytest.mark.long


class Files:
    """A server that counts what it is sent, and sends as much."""

    def __init__(self) -> None:
        self.received = 0
        app = web.Application()
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/f/content", self._content)
        self.runner = web.AppRunner(app)

    async def _upload(self, http: web.Request) -> web.Response:
        async for part in await http.multipart():
            assert isinstance(part, BodyPartReader)
            counts = part.name == "file"
            while piece := await part.read_chunk(65_536):
                self.received += len(piece) * counts
        told = {"object": "file", "bytes": self.received, "created_at": 0, "status": "processed"}
        return web.json_response(told | {"id": "f", "filename": "b.jsonl", "purpose": "batch"})

    async def _content(self, http: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(http)
        for _ in range(_MOST // len(_LINE)):
            await reply.write(_LINE)
        return reply


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    made = Files()
    await made.runner.setup()
    await web.TCPSite(made.runner, "127.0.0.1", 0).start()
    tracemalloc.start()
    yield made
    tracemalloc.stop()
    await made.runner.cleanup()


@pytest.mark.timeout(600)
async def test_two_hundred_megabytes_go_and_come_in_bounded_memory(files: Files) -> None:
    url = f"http://127.0.0.1:{files.runner.addresses[0][1]}/v1"
    runner = OpenAIRunner("echo-1", url, PlainKey("sk-test"))

    async def lines() -> AsyncIterator[bytes]:
        for _ in range(_MOST // len(_LINE)):
            yield _LINE

    assert await runner.upload("b.jsonl", lines(), expires_s=90_000, timeout_s=300) == "f"
    assert files.received == _MOST
    assert tracemalloc.get_traced_memory()[1] < _ROOM
    fetched = 0
    async for piece in runner.fetch("f", timeout_s=300):
        fetched += len(piece)
    assert fetched == _MOST
    assert tracemalloc.get_traced_memory()[1] < _ROOM
    await runner.close()
