"""The part of the offline provider that keeps calls: OpenAI's Responses API in background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

#: How long an answer takes, in seconds.
_TAKES_S = 1.0


class OfflineResponses:
    """`completion` makes a chat completion of what was asked; what is kept here says the same."""

    def __init__(self, completion: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._completion = completion
        #: What was asked, and when it ends by the loop's clock.
        self._kept: dict[str, tuple[Mapping[str, Any], float]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/responses", self._create),
            web.get("/v1/responses/{id}", self._retrieve),
            web.post("/v1/responses/{id}/cancel", self._retrieve),  # too late for every one
            web.delete("/v1/responses/{id}", self._delete),
        ]

    async def _create(self, http: web.Request) -> web.Response:
        asked, name = await http.json(), f"resp_{time.time_ns()}"
        self._kept[name] = asked, asyncio.get_running_loop().time() + _TAKES_S
        return web.json_response(self._told(name))

    async def _retrieve(self, http: web.Request) -> web.Response:
        return web.json_response(self._told(self._known(http)))

    async def _delete(self, http: web.Request) -> web.Response:
        name = self._known(http)
        del self._kept[name]
        return web.json_response({"id": name, "object": "response", "deleted": True})

    def _known(self, http: web.Request) -> str:
        name = http.match_info["id"]
        if name not in self._kept:
            raise web.HTTPNotFound(text='{"error": {"message": "No such response."}}')
        return name

    def _told(self, name: str) -> Mapping[str, Any]:
        asked, ends_at = self._kept[name]
        told: dict[str, Any] = {
            "id": name, "object": "response", "created_at": int(time.time()), "background": True,
            "model": asked["model"], "status": "queued", "output": [], "usage": None, "error": None,
            "incomplete_details": None, "service_tier": "default", "metadata": asked.get("metadata") or {},
        }  # fmt: skip
        ended = asyncio.get_running_loop().time() >= ends_at
        return told | (_said(self._completion({"messages": asked["input"]})) if ended else {})


def _said(completion: Mapping[str, Any]) -> dict[str, Any]:
    used = completion["usage"]
    text = completion["choices"][0]["message"]["content"]
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "status": "completed",
        "output": [
            {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [part]}
        ],
        "usage": {
            "input_tokens": used["prompt_tokens"], "output_tokens": used["completion_tokens"],
            "total_tokens": used["total_tokens"], "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }  # fmt: skip
