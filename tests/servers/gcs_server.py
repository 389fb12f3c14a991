"""A local server that speaks the part of Cloud Storage's JSON API that object reads and writes need.

Wire format: https://cloud.google.com/storage/docs/json_api/v1 (uploads simple, multipart and resumable, media
downloads whole and by range, metadata, lists in pages, deletions, generation preconditions). Object
versioning is off, as in a new bucket: only the newest generation of a name can be read.

Resumable uploads as https://cloud.google.com/storage/docs/performing-resumable-uploads has them: pieces but
the last in multiples of 256 KiB; 308 with what is there; bytes that are there already are passed over; `bytes
*/*` asks; the last request's `x-goog-hash` is compared before anything is visible; DELETE answers 499.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

import aiohttp
import google_crc32c
from aiohttp import web

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_WANTED = re.compile(r"bytes=(\d+)-(\d*)")
_UNIT = 256 * 1024


@dataclass(frozen=True)
class StoredObject:
    """One object's newest generation."""

    data: bytes
    generation: int


@dataclass
class Session:
    """A resumable upload under way; `made`, once it has ended, is what it answers from then on."""

    name: str
    data: bytearray
    query: dict[str, str]
    made: dict[str, str] | None = None


class GcsServer:
    """Buckets in memory behind a real socket. Use it as an async context manager.

    `fail_next` answers the next requests with a status instead; `corrupt` spoils the bytes of every download;
    `page_size` bounds a page of a list; `persists` is the most of one piece that an upload keeps, in bytes.
    `spoil` changes the bytes of an upload on their way. `log` is every request as `METHOD path`.
    """

    def __init__(self, *buckets: str) -> None:
        self.objects: dict[str, dict[str, StoredObject]] = {bucket: {} for bucket in buckets}
        self.fail_next: list[int] = []
        self.corrupt = False
        self.page_size = 1000
        self.persists: int | None = None
        self.spoil = False
        self.log: list[str] = []
        self._generations = itertools.count(1_700_000_000_000_001)
        self.sessions: dict[str, Session] = {}
        self._begun = itertools.count()
        app = web.Application(client_max_size=2**26, middlewares=[self._faults])
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        app.router.add_put("/upload/storage/v1/b/{bucket}/o", self._resume)
        app.router.add_delete("/upload/storage/v1/b/{bucket}/o", self._cancel)
        app.router.add_get("/download/storage/v1/b/{bucket}/o/{name:.+}", self._download)
        app.router.add_get("/storage/v1/b/{bucket}/o", self._list)
        app.router.add_get("/storage/v1/b/{bucket}/o/{name:.+}", self._metadata)
        app.router.add_delete("/storage/v1/b/{bucket}/o/{name:.+}", self._delete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> GcsServer:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @web.middleware
    async def _faults(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.log.append(f"{request.method} {request.path}")
        if self.fail_next:
            return _error(self.fail_next.pop(0), "told to fail")
        if request.match_info.get("bucket", "") not in self.objects:
            return _error(404, "The specified bucket does not exist.")
        response: web.StreamResponse = await handler(request)
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        if request.query["uploadType"] == "resumable":
            metadata = await request.json()
            token = f"session-{next(self._begun)}"
            query = dict(request.query)
            self.sessions[token] = Session(query.get("name") or metadata["name"], bytearray(), query)
            location = f"http://{request.host}{request.path}?uploadType=resumable&upload_id={token}"
            return web.Response(headers={"Location": location})
        if request.query["uploadType"] == "media":
            return self._store(request, request.query["name"], await request.read(), dict(request.query))
        reader = await request.multipart()
        metadata = json.loads(await _next_part(reader))
        data = await _next_part(reader)
        if "crc32c" in metadata and metadata["crc32c"] != _crc32c(data):
            return _error(400, "Provided CRC32C does not match the calculated one.")
        return self._store(request, metadata["name"], data, dict(request.query))

    async def _resume(self, request: web.Request) -> web.Response:
        session = self.sessions.get(request.query.get("upload_id", ""))
        match = _RANGE.fullmatch(request.headers.get("Content-Range", ""))
        if session is None or match is None:
            return _error(404, "No such upload session.")
        if session.made is not None:
            return web.json_response(session.made)
        start, end, total = match.groups()
        if start is not None:
            body = await request.read()
            if len(body) != int(end) - int(start) + 1 or int(start) > len(session.data):
                return _error(400, "The content range does not fit.")
            if total == "*" and len(body) % _UNIT:
                return _error(400, "Each piece but the last has to be a multiple of 256 KiB.")
            self._keep(session, body[len(session.data) - int(start) :])
        if total == "*" or len(session.data) < int(total):
            came = {"Range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
            return web.Response(status=308, headers=came)
        return self._finish(request, session)

    def _keep(self, session: Session, fresh: bytes) -> None:
        kept = fresh[: self.persists]
        session.data += kept[:-1] + b"?" if self.spoil and kept else kept

    def _finish(self, request: web.Request, session: Session) -> web.Response:
        told = request.headers.get("x-goog-hash")
        if told is not None and told != f"crc32c={_crc32c(session.data)}":
            return _error(400, "Provided CRC32C does not match the calculated one.")
        made = self._store(request, session.name, bytes(session.data), session.query)
        session.data.clear()
        if made.status == 200:
            session.made = self._resource(request, session.name)
        return made

    async def _cancel(self, request: web.Request) -> web.Response:
        if self.sessions.pop(request.query.get("upload_id", ""), None) is None:
            return _error(404, "No such upload session.")
        return web.Response(status=499)

    def _store(self, request: web.Request, name: str, data: bytes, query: dict[str, str]) -> web.Response:
        bucket = self.objects[request.match_info["bucket"]]
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and int(wanted) != (bucket[name].generation if name in bucket else 0):
            return _error(412, "At least one of the pre-conditions you specified did not hold.")
        bucket[name] = StoredObject(data, next(self._generations))
        return web.json_response(self._resource(request, name))

    async def _download(self, request: web.Request) -> web.Response:
        found = self._find(request)
        if found is None:
            return web.Response(status=404, text=f"No such object: {request.match_info['name']}")
        headers = {
            "X-Goog-Hash": f"crc32c={_crc32c(found.data)}",
            "X-Goog-Generation": str(found.generation),
            "X-Goog-Stored-Content-Length": str(len(found.data)),
            "X-Goog-Stored-Content-Encoding": "identity",
        }
        data = found.data[:-1] + b"?" if self.corrupt else found.data
        if wanted := _WANTED.fullmatch(request.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            if start >= len(data):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            part = data[start : end + 1]
            return web.Response(
                status=206, body=part, headers=headers, content_type="application/octet-stream"
            )
        return web.Response(body=data, headers=headers, content_type="application/octet-stream")

    async def _metadata(self, request: web.Request) -> web.Response:
        if self._find(request) is None:
            return _error(404, f"No such object: {request.match_info['name']}")
        return web.json_response(self._resource(request, request.match_info["name"]))

    async def _delete(self, request: web.Request) -> web.Response:
        if self._find(request) is None:
            return _error(404, f"No such object: {request.match_info['name']}")
        del self.objects[request.match_info["bucket"]][request.match_info["name"]]
        return web.Response(status=204)

    async def _list(self, request: web.Request) -> web.Response:
        bucket = self.objects[request.match_info["bucket"]]
        after = request.query.get("pageToken", "")
        prefix = request.query.get("prefix", "")
        names = sorted(name for name in bucket if name.startswith(prefix) and name > after)
        page = names[: self.page_size]
        answer: dict[str, Any] = {"kind": "storage#objects"}
        answer["items"] = [self._resource(request, name) for name in page]
        if len(names) > len(page):
            answer["nextPageToken"] = page[-1]
        return web.json_response(answer)

    def _find(self, request: web.Request) -> StoredObject | None:
        found = self.objects[request.match_info["bucket"]].get(request.match_info["name"])
        wanted = request.query.get("generation") or request.query.get("ifGenerationMatch")
        return None if found and wanted and int(wanted) != found.generation else found

    def _resource(self, request: web.Request, name: str) -> dict[str, str]:
        bucket = request.match_info["bucket"]
        found = self.objects[bucket][name]
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "generation": str(found.generation),
            "metageneration": "1",
            "size": str(len(found.data)),
            "crc32c": _crc32c(found.data),
        }


async def _next_part(reader: aiohttp.MultipartReader) -> bytes:
    part = await reader.next()
    assert isinstance(part, aiohttp.BodyPartReader)
    return bytes(await part.read())


def _crc32c(data: bytes | bytearray) -> str:
    return base64.b64encode(google_crc32c.value(bytes(data)).to_bytes(4, "big")).decode()


def _error(status: int, message: str) -> web.Response:
    body = {"error": {"code": status, "message": message, "errors": [{"message": message}]}}
    return web.json_response(body, status=status)
