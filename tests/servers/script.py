"""A server that gives replies byte for byte, and keeps the requests that it got them for."""

from __future__ import annotations

import asyncio


def reply(status: str, *headers: str, body: bytes, length: int | None = None) -> bytes:
    """A reply as it goes over the wire; `length` may claim more than the body holds."""
    said = f"Content-Length: {len(body) if length is None else length}"
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, said, "", ""]).encode() + body


class Script:
    """Reads whole requests and gives the replies in order, whatever connection asks; None hangs up instead.

    So does what is left when the replies are at their end. `requests` are the heads of all that came,
    `bodies` what came with them.
    """

    def __init__(self, *replies: bytes | None) -> None:
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self._replies = iter(replies)
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Script:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in list(self._open):
            writer.close()
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                body = await reader.readexactly(int(header(head, "Content-Length") or "0"))
                self.requests.append(head)
                self.bodies.append(body)
                answer = next(self._replies, None)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                if b"\r\nConnection: close\r\n" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The client has left.
        finally:
            self._open.discard(writer)
            writer.close()


def header(head: str, name: str) -> str | None:
    """A request's header."""
    lines = [line.partition(": ") for line in head.split("\r\n")]
    return next((value for key, _, value in lines if key.lower() == name.lower()), None)
