"""Files and batches as OpenAI's API has them, on the server of tests, with the faults of the field.

`takes_s`: from create to end. `faults` names what goes wrong with the next batches, one after the other:

| fault | what happens |
| --- | --- |
| `create_lost` | it is created, and the connection is cut before the answer |
| `create_refused` | the connection is cut, and nothing is created |
| `create_429`, `create_400` | so it is answered |
| `token_limit`, `bad_line`, `whole` | it fails after its acceptance; `bad_line` names the first line |
| `expires` | the second half is not worked off: `batch_expired` |
| `missing` | the last line is paid and has no line anywhere |
| `twice` | each answer has an error line too |
| `unordered`, `unknown`, `truncated`, `empty`, `empty_error_id` | of its files |
| `no_file_yet` | completed, and its files are told at the second look |
| `output_gone` | its output file is 404 |
| `uncancelled` | it is called back in vain: 409 while it goes on |
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.servers.openai_behaviour import Behaviour, directive_in
from tests.servers.openai_wire import Asked, completion, error_body

_DONE = ("completed", "failed", "expired", "cancelled")


@dataclass(slots=True)
class Batch:
    """One batch, its fields as the API names them; `lag`: how many looks before its files are told."""

    body: dict[str, Any]
    lines: list[dict[str, Any]]
    fault: str = ""
    lag: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Batches:
    """The state of one server. `billed` counts the lines that were paid, by the text that they asked."""

    def __init__(self, server: Any) -> None:
        self.takes_s = 0.2
        self.faults: list[str] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.billed: Counter[str] = Counter()
        self.deleted: list[str] = []
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{id}/content", self._content),
            web.delete("/v1/files/{id}", self._delete),
            web.post("/v1/batches", self._create),
            web.get("/v1/batches", self._list),
            web.get("/v1/batches/{id}", self._retrieve),
            web.post("/v1/batches/{id}/cancel", self._cancel),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _upload(self, http: web.Request) -> web.Response:
        refused: web.Response | None = self._server.refused(http)
        if refused is not None:
            return refused
        form = await http.post()
        uploaded = form["file"]
        assert isinstance(uploaded, web.FileField)
        name = self._keep(uploaded.file.read())
        said = {
            "id": name, "object": "file", "bytes": len(self.files[name]), "created_at": int(time.time()),
            "filename": uploaded.filename, "purpose": form["purpose"], "status": "processed",
        }  # fmt: skip
        return web.json_response(said)

    async def _content(self, http: web.Request) -> web.Response:
        data = self.files.get(http.match_info["id"])
        return _no_such() if data is None else web.Response(body=data)

    async def _delete(self, http: web.Request) -> web.Response:
        name = http.match_info["id"]
        self.deleted.append(name)
        known = self.files.pop(name, None)
        return (
            _no_such()
            if known is None
            else web.json_response({"id": name, "object": "file", "deleted": True})
        )

    async def _create(self, http: web.Request) -> web.Response:
        refused: web.Response | None = self._server.refused(http)
        if refused is not None:
            return refused
        asked = await http.json()
        fault = self.faults.pop(0) if self.faults else ""
        if fault.startswith("create_4"):
            status = int(fault.removeprefix("create_"))
            body = error_body("openai", "Refused on purpose.", type="invalid_request_error", code="refused")
            return web.json_response(body, status=status)
        if fault != "create_refused":
            made = self._begin(asked, fault)
            if fault != "create_lost":
                return web.json_response(self._told(made))
        assert http.transport is not None
        http.transport.abort()
        return web.Response()

    def _begin(self, asked: dict[str, Any], fault: str) -> Batch:
        name = f"batch_{len(self.batches)}"
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        body = {
            "id": name, "object": "batch", "endpoint": asked["endpoint"], "status": "in_progress",
            "input_file_id": asked["input_file_id"], "completion_window": asked["completion_window"],
            "created_at": int(time.time()), "metadata": asked.get("metadata"), "output_file_id": None,
            "error_file_id": None, "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        made = Batch(body, lines, fault, lag=2 if fault == "no_file_yet" else 0)
        self.batches[name] = made
        task = asyncio.create_task(self._work_off(made))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return made

    async def _work_off(self, batch: Batch) -> None:
        if batch.fault in ("token_limit", "bad_line", "whole"):
            self._fail(batch)
            return
        await asyncio.sleep(self.takes_s)
        half = (len(batch.lines) + 1) // 2
        done = half if batch.fault == "expires" else len(batch.lines)
        self._end(batch, "expired" if batch.fault == "expires" else "completed", done)

    def _fail(self, batch: Batch) -> None:
        error = {
            "token_limit": {
                "code": "token_limit_exceeded",
                "message": "Enqueued token limit reached",
                "line": None,
            },
            "bad_line": {"code": "invalid_request", "message": "This line is wrong", "line": 1},
            "whole": {"code": "model_not_found", "message": "No such model", "line": None},
        }[batch.fault]
        batch.body |= {"status": "failed", "errors": {"object": "list", "data": [error]}}
        batch.ended.set()

    def _end(self, batch: Batch, status: str, done: int) -> None:
        if batch.body["status"] in _DONE:
            return
        answers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for number, line in enumerate(batch.lines):
            if number >= done:
                errors.append(_error(line, "batch_expired"))
                continue
            said = self._answer(line)
            if batch.fault == "missing" and number == len(batch.lines) - 1:
                continue
            (answers if said["response"]["status_code"] == 200 else errors).append(said)
            if batch.fault == "twice":
                errors.append(said | {"response": {"status_code": 500, "request_id": "r", "body": {}}})
        counts = {"total": len(batch.lines), "completed": len(answers), "failed": len(errors)}
        files = self._files(batch, answers, errors)
        batch.body |= {"status": status, "request_counts": counts, **files}
        batch.ended.set()

    def _answer(self, line: dict[str, Any]) -> dict[str, Any]:
        status, body = self.reply(line["custom_id"], Asked.read(line["body"]))
        reply = {"status_code": status, "request_id": "req", "body": body}
        return {"id": "line", "custom_id": line["custom_id"], "response": reply, "error": None}

    def reply(self, name: str, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Status and body of the line `name`."""
        behaviour = directive_in(asked.text) or Behaviour()
        if behaviour.times is not None and self.billed[asked.text] >= behaviour.times:
            behaviour = Behaviour()
        if behaviour.kind == "status":
            told = error_body("openai", f"It asked: {asked.text}", type="invalid_request_error", code=None)
            return behaviour.number("code", 500), told
        self.billed[asked.text] += 1
        if behaviour.kind == "garbage":
            return 200, {"hello": "there"}
        body = completion(asked, behaviour)
        return 200, body | {"choices": []} if behaviour.kind == "empty" else body

    def _files(self, batch: Batch, answers: list[Any], errors: list[Any]) -> dict[str, Any]:
        if batch.fault == "unordered":
            answers.reverse()
        if batch.fault == "unknown":
            answers.append(answers[0] | {"custom_id": "nobody"})
        output = self._keep(_lines(answers)) if answers else None
        if batch.fault == "truncated" and output:
            self.files[output] = self.files[output][:-40]
        if batch.fault == "empty" and output:
            self.files[output] = b""
        if batch.fault == "output_gone" and output:
            del self.files[output]
        error = self._keep(_lines(errors)) if errors else "" if batch.fault == "empty_error_id" else None
        return {"output_file_id": output, "error_file_id": error}

    def _told(self, batch: Batch) -> dict[str, Any]:
        if batch.lag and batch.body["status"] in _DONE:
            batch.lag -= 1
            return batch.body | {"output_file_id": None, "error_file_id": None}
        return batch.body

    async def _retrieve(self, http: web.Request) -> web.Response:
        found = self.batches.get(http.match_info["id"])
        return _no_such() if found is None else web.json_response(self._told(found))

    async def _list(self, http: web.Request) -> web.Response:
        newest = [batch.body for batch in reversed(self.batches.values())]
        return web.json_response({"object": "list", "data": newest, "has_more": False})

    async def _cancel(self, http: web.Request) -> web.Response:
        found = self.batches.get(http.match_info["id"])
        if found is None:
            return _no_such()
        if found.body["status"] in _DONE or found.fault == "uncancelled":
            body = error_body("openai", "Cannot cancel", type="invalid_request_error", code=None)
            return web.json_response(body, status=409)
        self._end(found, "cancelled", 0)
        return web.json_response(found.body)

    def _keep(self, data: bytes) -> str:
        name = f"file-{len(self.files) + len(self.deleted)}"
        self.files[name] = data
        return name


def _lines(said: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in said)


def _error(line: dict[str, Any], code: str) -> dict[str, Any]:
    error = {"code": code, "message": "This request could not be executed."}
    return {"id": "line", "custom_id": line["custom_id"], "response": None, "error": error}


def _no_such() -> web.Response:
    body = error_body("openai", "No such object", type="invalid_request_error", code=None)
    return web.json_response(body, status=404)
