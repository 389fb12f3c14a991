"""Responses in background as OpenAI's API has them, on the server of tests, with the faults of the field.

`takes_s`: from create to end. `faults` names what goes wrong with the next creates, one after the other:

| fault | what happens |
| --- | --- |
| `lost` | it is created, and the connection is cut before the answer |
| `refused` | the connection is cut, and nothing is created |
| `429`, `400` | so it is answered |
| `nameless` | it is created, and the answer names no id |
| `failed` | it ends `failed`, with a server's error |
| `limited` | it ends `failed` before it began: `rate_limit_exceeded` |
| `cut` | it ends `incomplete`: `max_output_tokens` |
| `filtered` | it ends `incomplete`: `content_filter` |
| `garbage` | asked after, it is no response |
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_wire import Asked, completion, error_body


@dataclass(slots=True)
class Response:
    """What was asked, and when it ends (monotonic seconds)."""

    body: dict[str, Any]
    ends: float
    fault: str = ""
    cancelled: bool = False


class Responses:
    """The state of one server. `asked`: the bodies of all creates."""

    def __init__(self, server: Any) -> None:
        self.takes_s = 0.2
        self.faults: list[str] = []
        self.responses: dict[str, Response] = {}
        self.asked: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self._server = server

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/responses", self._create),
            web.get("/v1/responses/{id}", self._retrieve),
            web.post("/v1/responses/{id}/cancel", self._cancel),
            web.delete("/v1/responses/{id}", self._delete),
        ]

    async def _create(self, http: web.Request) -> web.Response:
        refused: web.Response | None = self._server.refused(http)
        if refused is not None:
            return refused
        body = await http.json()
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            told = error_body("openai", "Refused on purpose.", type="invalid_request_error", code="refused")
            return web.json_response(told, status=int(fault))
        name = f"resp_{len(self.responses)}"
        if fault != "refused":
            self.asked.append(body)
            self.responses[name] = Response(body, time.monotonic() + self.takes_s, fault)
        if fault in ("lost", "refused"):
            assert http.transport is not None
            http.transport.abort()
            return web.Response()
        told = self._told(name)
        return web.json_response(told if fault != "nameless" else told | {"id": None})

    async def _retrieve(self, http: web.Request) -> web.Response:
        return self._of(http, lambda one: None)

    async def _cancel(self, http: web.Request) -> web.Response:
        def cancel(one: Response) -> None:
            one.cancelled = one.cancelled or one.ends > time.monotonic()

        return self._of(http, cancel)

    async def _delete(self, http: web.Request) -> web.Response:
        name = http.match_info["id"]
        if self.responses.pop(name, None) is None:
            return _no_such()
        self.deleted.append(name)
        return web.json_response({"id": name, "object": "response", "deleted": True})

    def _of(self, http: web.Request, change: Any) -> web.Response:
        refused: web.Response | None = self._server.refused(http)
        one = self.responses.get(http.match_info["id"])
        if refused is not None or one is None:
            return refused or _no_such()
        change(one)
        garbage = one.fault == "garbage"
        return web.json_response({"hello": "there"} if garbage else self._told(http.match_info["id"]))

    def _told(self, name: str) -> dict[str, Any]:
        one = self.responses[name]
        told = {
            "id": name, "object": "response", "created_at": int(time.time()), "output": [],
            "background": True, "model": one.body["model"], "status": "queued", "error": None,
            "incomplete_details": None, "usage": None, "service_tier": "default",
            "metadata": one.body.get("metadata") or {},
        }  # fmt: skip
        if one.cancelled:
            return told | {"status": "cancelled"}
        return told | (_ended(one) if one.ends <= time.monotonic() else {})


def _ended(one: Response) -> dict[str, Any]:
    if one.fault in ("failed", "limited"):
        code = "server_error" if one.fault == "failed" else "rate_limit_exceeded"
        return {"status": "failed", "error": {"code": code, "message": "Failed on purpose."}}
    messages = [{"content": _plain(item)} for item in one.body["input"]]
    asked = Asked.read({"model": one.body["model"], "messages": messages})
    reply = completion(asked, Behaviour())
    text, used = reply["choices"][0]["message"]["content"], reply["usage"]
    part = {"type": "output_text", "text": text, "annotations": []}
    thought = {"type": "reasoning", "id": "rs_0", "summary": [{"type": "summary_text", "text": "So."}]}
    said = {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": used["prompt_tokens"], "output_tokens": used["completion_tokens"],
        "total_tokens": used["total_tokens"], "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    reason = {"cut": "max_output_tokens", "filtered": "content_filter"}.get(one.fault)
    return {
        "status": "incomplete" if reason else "completed", "output": [thought, said], "usage": usage,
        "incomplete_details": {"reason": reason} if reason else None,
    }  # fmt: skip


def _plain(item: dict[str, Any]) -> str:
    content = item.get("content", "")
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _no_such() -> web.Response:
    told = error_body("openai", "No such response.", type="invalid_request_error", code=None)
    return web.json_response(told, status=404)
