"""Acting a behaviour out on the socket, one function for each way to answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_wire import Asked, completion, error_body

TGI_TYPES = {429: "overloaded", 422: "validation", 424: "generation", 500: "incomplete_generation"}
MB = 2**20


async def act(
    http: web.Request,
    asked: Asked,
    behaviour: Behaviour,
    *,
    dialect: str,
    released: asyncio.Event,
    raw: Mapping[str, bytes],
) -> web.StreamResponse:
    """Carry `behaviour` out; what it returns is what aiohttp still has to send, if anything."""
    match behaviour.kind:
        case "raw":
            return _raw(http, raw[behaviour.options["name"]])
        case "answer":
            return _answer(asked, behaviour)
        case "hold":
            await released.wait()
            return web.json_response(completion(asked, behaviour))
        case "hang":
            await asyncio.Event().wait()
        case "malformed":
            return web.Response(body=b'{"id": "chatcmpl-1", "choices": [{', content_type="application/json")
        case "garbage":
            return web.json_response({"hello": [asked.text]})
        case "reset" | "disconnect":
            return _cut(http, hard=behaviour.kind == "reset")
        case "drip" | "truncated" | "huge" | "endless":
            return await _stream(http, asked, behaviour)
        case "status" | "policy" | "error_body":
            return _error(asked, behaviour, dialect)
    return web.json_response(_odd_completion(asked, behaviour))


def _answer(asked: Asked, behaviour: Behaviour) -> web.Response:
    body, headers = json.dumps(completion(asked, behaviour)).encode(), {}
    encoding = behaviour.options.get("encoding")
    if encoding is not None:
        headers["Content-Encoding"] = encoding
        body = gzip.compress(body) if encoding == "gzip" else body
    return web.Response(body=body, headers=headers, content_type="application/json")


def _odd_completion(asked: Asked, behaviour: Behaviour) -> dict[str, Any]:
    """The well-formed completions that are no answer: empty, filter, refusal."""
    body = completion(asked, behaviour)
    match behaviour.kind:
        case "empty":
            body["choices"] = []
        case "filter":
            body["choices"][0] |= {"finish_reason": "content_filter"}
        case "refusal":
            refusal = f"I will not talk about {asked.text}"
            body["choices"][0]["message"] |= {"content": None, "refusal": refusal}
    return body


def _error(asked: Asked, behaviour: Behaviour, dialect: str) -> web.Response:
    options = behaviour.options
    default = {"status": 500, "policy": 400, "error_body": 200}[behaviour.kind]
    status = behaviour.number("code", default)
    if (body := options.get("body")) is not None:
        headers = _retry_headers(behaviour)
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")
    code = options.get("error", "content_policy_violation" if behaviour.kind == "policy" else None)
    type = options.get("type", TGI_TYPES.get(status, "server_error") if dialect == "tgi" else "server_error")
    error = error_body(dialect, f"This call failed on purpose; it asked: {asked.text}", type=type, code=code)
    return web.json_response(error, status=status, headers=_retry_headers(behaviour))


def _retry_headers(behaviour: Behaviour) -> dict[str, str]:
    headers: dict[str, str] = {}
    if behaviour.kind == "status" and 300 <= behaviour.number("code", 500) < 400:
        headers["Location"] = "/v1/elsewhere"
    after = behaviour.options.get("retry_after")
    if after is not None:
        date = after.startswith("date+")
        headers["Retry-After"] = formatdate(time.time() + float(after[5:]), usegmt=True) if date else after
    if "retry_after_ms" in behaviour.options:
        headers["retry-after-ms"] = behaviour.options["retry_after_ms"]
    return headers


def _raw(http: web.Request, data: bytes) -> web.Response:
    """The whole reply, status line and headers too, as somebody else has written it."""
    assert http.transport is not None
    http.transport.write(data)
    http.transport.close()
    return web.Response()


def _cut(http: web.Request, *, hard: bool) -> web.Response:
    """End the connection without an answer: by a reset (no linger), or in an orderly way."""
    transport = http.transport
    assert transport is not None
    if hard:
        no_linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        transport.abort()
    else:
        transport.close()
    return web.Response()


async def _stream(http: web.Request, asked: Asked, behaviour: Behaviour) -> web.StreamResponse:
    """Write the body piece by piece, in the way that the behaviour says."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    text = "" if behaviour.kind == "huge" else None
    body = json.dumps(completion(asked, behaviour, text=text)).encode()
    if behaviour.kind in ("drip", "truncated"):
        response.content_length = len(body)
    await response.prepare(http)
    match behaviour.kind:
        case "drip":
            for byte in body:
                await response.write(bytes([byte]))
                await asyncio.sleep(1)
        case "truncated":
            await response.write(body[: len(body) // 2])
            assert http.transport is not None
            http.transport.close()
        case "huge":
            for piece in _huge(body, behaviour.number("size", 50 * MB)):
                await response.write(piece)
        case "endless":
            while True:
                await response.write(b" " * MB)
    return response


def _huge(body: bytes, size: int) -> Iterator[bytes]:
    """A valid completion padded to `size` bytes inside its text, made while it is sent."""
    mark = b'"content": "'
    cut = body.index(mark) + len(mark)
    yield body[:cut]
    left = max(0, size - len(body))
    while left:
        piece = min(left, MB)
        yield b"x" * piece
        left -= piece
    yield body[cut:]
