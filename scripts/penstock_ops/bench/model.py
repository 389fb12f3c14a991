"""A model that answers after a fixed time: an OpenAI-compatible server as light as a bench needs it.

`python -m penstock_ops.bench.model --latency 1.0` runs it as a process; its first line says its base URL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

from aiohttp import web

_TEXT = "A penstock is the gated pipe that feeds a turbine: it takes the river and hands on what is useful. "


class Model:
    """Answers chat completions on 127.0.0.1. Its attributes may be changed while it runs."""

    def __init__(self, *, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        #: The HTTP status of every answer; anything but 200 is an error body.
        self.status = 200
        #: While it is clear, calls wait.
        self.open = asyncio.Event()
        self.open.set()
        #: Start and end (monotonic seconds) of every call.
        self.calls: list[tuple[float, float]] = []
        self.asked = asyncio.Event()
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.add_routes([web.post("/v1/chat/completions", self._answer)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, http: web.Request) -> web.Response:
        started = time.monotonic()
        body = await http.json()
        self.asked.set()
        await asyncio.sleep(self.latency_s)
        await self.open.wait()
        self.calls.append((started, time.monotonic()))
        answer = completion(body["model"]) if self.status == 200 else {"error": {"message": "No."}}
        return web.Response(body=json.dumps(answer), status=self.status, content_type="application/json")


def completion(model: str) -> dict[str, Any]:
    """A chat completion of about 600 bytes of text, as OpenAI's API words it."""
    message = {"role": "assistant", "content": _TEXT * 6}
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 160, "completion_tokens": 130, "total_tokens": 290},
    }


async def _serve(latency_s: float) -> None:
    async with Model(latency_s=latency_s) as model:
        print(model.base_url, flush=True)
        while True:
            await asyncio.sleep(60)
            model.calls.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description="A model that answers after a fixed time.")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds before each answer")
    asyncio.run(_serve(parser.parse_args().latency))


if __name__ == "__main__":
    main()
