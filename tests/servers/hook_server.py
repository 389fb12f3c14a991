"""An endpoint for callbacks on a real socket, over TLS if wanted, and as ill-mannered as it is told to be."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Self


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request: its line, its headers by lower-case name, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class HookServer:
    """Answers `reply` to every request, a byte each `drip_s` seconds if that is set; use as a context."""

    reply: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    drip_s: float = 0.0
    tls: SSLContext | None = None
    arrived: list[Arrived] = field(default_factory=list)
    connected: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        if self.tls is not None:
            await asyncio.sleep(0.1)  # a handshake that was broken off ends by itself

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        if (serving := asyncio.current_task()) is not None:
            self._serving.add(serving)
        try:
            await self._answered(reader, writer)
        finally:
            writer.transport.abort()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.rstrip("\r\n").split("\r\n")
            pairs = [one.partition(":") for one in lines]
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.arrived.append(Arrived(line, headers, body))
            await self._answer(writer)
            writer.close()
            await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        pieces = [self.reply] if not self.drip_s else [bytes([byte]) for byte in self.reply]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if self.drip_s:
                await asyncio.sleep(self.drip_s)
