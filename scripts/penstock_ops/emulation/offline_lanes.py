"""A server on this machine that answers as OpenAI's API does, in every lane; no model is behind it.

What `penstock demo --lanes` and `bench --only lanes` ask: chat completions at their tier, files and batches,
responses in background. Cheap lanes take longer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from penstock.money.estimate import estimate_usage
from penstock_ops.emulation.offline_responses import OfflineResponses

#: What it says its model is.
MODEL = "offline"
#: How long an answer takes by its tier, and a batch, in seconds.
_TAKES_S = {"flex": 2.0}
_AT_ONCE_S, _BATCH_S = 0.2, 3.0
#: Of a file; the Batch API takes 200 MB.
_MOST_BYTES = 210_000_000
_SAYS = (
    "This is Penstock's offline provider, not a model. What is shown here is real all the same: which lane a "
    "request went by, when it was sent, what was kept, and what such an answer costs by the price book."
)


@asynccontextmanager
async def offline_lanes() -> AsyncIterator[str]:
    """Serve on a free port of the loopback; its base URL."""
    server = _Server()
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


class _Server:
    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        #: Each batch, and when it ends by the loop's clock.
        self._batches: dict[str, tuple[dict[str, Any], float]] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes(OfflineResponses(_completion).routes())
        app.add_routes([
            web.post("/v1/chat/completions", self._complete),
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{id}/content", self._content),
            web.delete("/v1/files/{id}", self._delete),
            web.post("/v1/batches", self._create),
            web.get("/v1/batches", self._list),
            web.get("/v1/batches/{id}", self._retrieve),
            web.post("/v1/batches/{id}/cancel", self._cancel),
        ])  # fmt: skip
        return app

    async def _complete(self, http: web.Request) -> web.Response:
        asked = await http.json()
        await asyncio.sleep(_TAKES_S.get(asked.get("service_tier", ""), _AT_ONCE_S))
        return web.json_response(_completion(asked))

    async def _upload(self, http: web.Request) -> web.Response:
        form = await http.post()
        uploaded = form["file"]
        if not isinstance(uploaded, web.FileField):
            raise web.HTTPBadRequest
        name = self._keep(uploaded.file.read())
        said = {"bytes": len(self._files[name]), "filename": uploaded.filename, "purpose": form["purpose"]}
        return web.json_response(_object(name, "file") | said | {"status": "processed"})

    async def _content(self, http: web.Request) -> web.Response:
        return web.Response(body=self._files[_known(http, self._files)])

    async def _delete(self, http: web.Request) -> web.Response:
        name = _known(http, self._files)
        del self._files[name]
        return web.json_response({"id": name, "object": "file", "deleted": True})

    async def _create(self, http: web.Request) -> web.Response:
        asked = await http.json()
        name, lines = f"batch_{len(self._batches)}", self._files[asked["input_file_id"]].splitlines()
        batch = _object(name, "batch") | asked | {
            "status": "in_progress", "output_file_id": None, "error_file_id": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        self._batches[name] = batch, asyncio.get_running_loop().time() + _BATCH_S
        return web.json_response(batch)

    async def _retrieve(self, http: web.Request) -> web.Response:
        return web.json_response(self._told(_known(http, self._batches)))

    async def _list(self, _http: web.Request) -> web.Response:
        newest = [self._told(name) for name in reversed(self._batches)]
        return web.json_response({"object": "list", "data": newest, "has_more": False})

    async def _cancel(self, http: web.Request) -> web.Response:
        """Too late for every batch: it answers within seconds."""
        _known(http, self._batches)
        return web.json_response({"error": {"message": "Cannot cancel.", "code": None}}, status=409)

    def _told(self, name: str) -> Mapping[str, Any]:
        """A batch, worked off once its time is over."""
        batch, ends_at = self._batches[name]
        if batch["output_file_id"] is None and asyncio.get_running_loop().time() >= ends_at:
            lines = self._files[batch["input_file_id"]].splitlines()
            batch["output_file_id"] = self._keep(b"".join(map(_answered, lines)))
            batch["request_counts"]["completed"] = len(lines)
            batch["status"] = "completed"
        return batch

    def _keep(self, data: bytes) -> str:
        name = f"file-{time.time_ns()}"
        self._files[name] = data
        return name


def _known(http: web.Request, among: Mapping[str, Any]) -> str:
    name = http.match_info["id"]
    if name not in among:
        raise web.HTTPNotFound(text='{"error": {"message": "No such object."}}')
    return name


def _object(name: str, kind: str) -> dict[str, Any]:
    return {"id": name, "object": kind, "created_at": int(time.time())}


def _answered(line: bytes) -> bytes:
    asked = json.loads(line)
    reply = {"status_code": 200, "request_id": asked["custom_id"], "body": _completion(asked["body"])}
    said = {"id": asked["custom_id"], "custom_id": asked["custom_id"], "response": reply, "error": None}
    return json.dumps(said).encode() + b"\n"


def _completion(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's length and its tier are what a price is worked out from."""
    usage = estimate_usage(asked["messages"], {}, _SAYS)
    tier = asked.get("service_tier")
    return {
        "id": "offline", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": _SAYS}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
        **({"service_tier": tier} if tier else {}),
    }  # fmt: skip
