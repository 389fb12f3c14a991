"""A proxy before a real engine that keeps a book: who was asked, how often, and what was answered."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

#: How a prompt begins that the book knows by its name.
_NAME = re.compile(r"\[([^\]]+)\]")


@dataclass
class Book:
    """Calls by the name in their prompt. Every answer is as long as it may be (vLLM's `ignore_eos`), as a
    trace's rows are. `answered` went back whole."""

    engine: str
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The proxy's base URL while the body runs."""
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes([web.get("/v1/models", self._models), web.post("/v1/chat/completions", self._ask)])
        # Who goes is not asked for any more: so the engine learns of it, as it does without a proxy.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            await runner.cleanup()

    async def _models(self, http: web.Request) -> web.Response:
        async with self._session.get(f"{self.engine}/v1/models") as answer:
            return web.Response(body=await answer.read(), status=answer.status)

    async def _ask(self, http: web.Request) -> web.Response:
        body: dict[str, Any] = await http.json()
        found = _NAME.search(body["messages"][-1]["content"])
        name = found[1] if found else "?"
        self.asked[name] += 1
        told = json.dumps(body | {"ignore_eos": True}).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self.engine}/v1/chat/completions"
        try:
            async with self._session.post(url, data=told, headers=headers) as answer:
                data = await answer.read()
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=type(error).__name__)
        self.answered[name] += answer.status == 200
        return web.Response(body=data, status=answer.status, content_type="application/json")
