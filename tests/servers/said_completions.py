"""A real-socket server of chat completions whose answers a test plants: what it says, and after how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_wire import Asked, completion


class SaidCompletions:
    """Says what `says` makes of the messages, after `latency_s`; `heard` are the bodies that came."""

    def __init__(self, says: Callable[[Sequence[Any]], str], latency_s: float = 0.0) -> None:
        self._says, self._latency_s = says, latency_s
        self.heard: list[dict[str, Any]] = []
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/v1/chat/completions", self._complete)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _complete(self, http: web.Request) -> web.Response:
        body = json.loads(await http.read())
        self.heard.append(body)
        await asyncio.sleep(self._latency_s)
        said = completion(Asked.read(body), Behaviour(), text=self._says(body["messages"]))
        return web.json_response(said)
