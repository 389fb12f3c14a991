"""What comes over the wire as no client library sends it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CHAT = json.dumps({"model": "other", "messages": [{"role": "user", "content": "Why?"}]}).encode()


def dial(door: Served) -> socket.socket:
    url = urlsplit(door.url)
    return socket.create_connection((url.hostname or "", url.port or 0), timeout=30)


def head(door: Served, first: str, *more: str, length: int | None = None) -> bytes:
    lines = [first, "Host: 127.0.0.1", f"Authorization: Bearer {door.key}", "Connection: close", *more]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, "", ""]).encode()


def said(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of what is answered until the end."""
    data = b"".join(iter(lambda: connection.recv(65_536), b""))
    start, _, body = data.partition(b"\r\n\r\n")
    return int(start.split()[1]), body


def test_http_1_0(door: Served) -> None:
    with closing(dial(door)) as connection:
        connection.sendall(head(door, "POST /v1/chat/completions HTTP/1.0", length=len(CHAT)) + CHAT)
        status, body = said(connection)
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")


def test_a_stream_over_http_1_0(door: Served) -> None:
    body = json.dumps(json.loads(CHAT) | {"stream": True}).encode()
    with closing(dial(door)) as connection:
        connection.sendall(head(door, "POST /v1/chat/completions HTTP/1.0", length=len(body)) + body)
        status, events = said(connection)
    assert (status, events.endswith(b"data: [DONE]\n\n")) == (200, True)


def test_a_body_of_40_mib(door: Served) -> None:
    """It is read to its end, so that the refusal is heard; and not kept."""
    size = 40 << 20
    with closing(dial(door)) as connection:
        connection.sendall(head(door, "POST /v1/chat/completions HTTP/1.1", length=size))
        for _ in range(size >> 20):
            connection.sendall(b" " * (1 << 20))
        status, body = said(connection)
    assert (status, json.loads(body)["error"]["type"]) == (413, "invalid_request_error")


def test_slow_clients_keep_nobody_waiting(door: Served) -> None:
    """Given many who send heads and bodies byte by byte. I expect an answer at once for who does not."""
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(dial(door))) for _ in range(200)]
        whole = head(door, "POST /v1/chat/completions HTTP/1.1", length=len(CHAT))
        for number, connection in enumerate(slow):
            connection.sendall(whole[: number % len(whole)] if number % 2 else whole + CHAT[:5])
        began = time.monotonic()
        with closing(dial(door)) as connection:
            connection.sendall(whole + CHAT)
            status, _ = said(connection)
        assert (status, time.monotonic() - began < 10) == (200, True)


def test_a_body_that_ends_early(door: Served) -> None:
    with closing(dial(door)) as connection:
        connection.sendall(head(door, "POST /v1/chat/completions HTTP/1.1", length=100) + CHAT[:50])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(100)
    assert '"action": "door.crashed"' not in door.log()
    assert "Traceback" not in door.log()


def garbage() -> Iterator[bytes]:
    yield b"\x00\xff\r\n\r\n"
    yield b"GET /v1/models HTTP/9.9\r\n\r\n"
    yield b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"
    yield b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n"
    yield b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"


def test_what_is_no_http(door: Served) -> None:
    for data in garbage():
        with closing(dial(door)) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65_536)
            assert not answer or answer.split()[1][:1] == b"4"
    assert "Traceback" not in door.log()
