"""Requests that are broken at random: OpenAI's envelope each time, never a 500, no traceback."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

_CONNECTIONS = 16
_CHAT = {"model": "other", "messages": [{"role": "user", "content": "Why?"}], "temperature": 1}
_BATCH = {"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h"}
_TARGETS = (
    *(
        "/v1/chat/completions",
        "/v1/chat/completions/x",
        "/v1/responses",
        "/v1/responses/x/cancel",
        "/v1/files",
    ),
    *("/v1/files/x/content", "/v1/batches", "/v1/batches/x", "/v1/models", "/v1/models/other", "/v1/usage"),
    *(
        "/",
        "/v1",
        "//v1//models",
        "/v1/../keys",
        "/v1/%2e%2e/models",
        "/v1/files/%00",
        "/v1/files/a%2fb/content",
    ),
    *(
        "/v1/responses/%ff",
        "/v1/models/" + "a" * 300,
        "/v1/batches?limit=-1",
        "/v1/files?after=%2e%2e&limit=1e3",
    ),
    *("/v1/usage?days=%00", "/v1/responses/x?stream=true&stream=false", "/v1/models?" + "a=1&" * 100),
)
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
#: No whole value of a request, so that nothing of it can be asked and paid for.
_VALUES: tuple[Any, ...] = (
    "",
    "\x00",
    "\ud800",
    -1,
    2**70,
    1e400,
    [],
    {},
    [[]],
    {"a": {}},
    True,
    None,
    "a" * 5000,
)
_HEADERS = (
    "x-penstock-max-wait: 1e999", "idempotency-key: ", "idempotency-key: " + "k" * 2000, "traceparent: 00-x",
    "x-stainless-retry-count: 99999999999999999999", "content-type: multipart/form-data",
    "content-type: multipart/form-data; boundary=" + "b" * 400, "expect: something", "accept: \xff",
)  # fmt: skip


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.long)])
def test_whatever_is_broken(door: Served, count: int) -> None:
    statuses = asyncio.run(_sent(door, count))
    print(f"{count} broken requests: {dict(sorted(statuses.items()))}")
    assert sum(statuses.values()) == count
    assert len(statuses) >= 5
    for word in ('"action": "door.crashed"', "Traceback", door.key.partition(".")[2]):
        assert word not in door.log()


async def _sent(door: Served, count: int) -> Counter[int]:
    """`count` of them over a few connections, each opened again when the server ends it: the statuses."""
    rng, statuses = random.Random("broken"), Counter[int]()
    left = iter([_broken(rng, door.key) for _ in range(count)])

    async def client() -> None:
        for request, is_head in left:
            statuses[await _status(door, request, is_head)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(client())
    return statuses


async def _status(door: Served, request: bytes, is_head: bool) -> int:
    url = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        writer.write(request)
        head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = int(head.split()[1])
    assert status < 500, (request[:3000], head, body[:300])
    ours = b"application/json" in head and not is_head
    assert not ours or status < 400 or set(json.loads(body)) == {"error"}, (request[:300], body[:300])
    return status


def _broken(rng: random.Random, key: str) -> tuple[bytes, bool]:
    """One request, and whether it asks for no body."""
    method, target = rng.choice((*_METHODS, *["GET", "POST"] * 7)), rng.choice(_TARGETS)
    body = _body(rng) if method != "GET" else b""
    bearer = rng.choice((key, key, key, key[:-1], "", "a.b", "a" * 3000, "\xe9.x"))
    lines = [f"{method} {target} HTTP/1.1", "Host: a", f"Authorization: Bearer {bearer}", "Connection: close"]
    lines += rng.sample(_HEADERS, rng.choice((0, 0, 1, 2)))
    lines += [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body, method == "HEAD"


def _body(rng: random.Random) -> bytes:
    """What was a request before something of it was replaced, and perhaps its bytes after that."""
    whole = dict(rng.choice((_CHAT, _BATCH, {"model": "other", "input": "Why?"})))
    whole[rng.choice((*whole, "model", "stream", "metadata", "tools", "unknown"))] = rng.choice(_VALUES)
    whole["model" if "model" in whole else "endpoint"] = rng.choice(("nobody's", *_VALUES))
    data = bytearray(json.dumps(whole).encode())
    for _ in range(rng.choice((0, 0, 1, 5))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data) + 1)))])
