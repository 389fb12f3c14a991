"""A TCP proxy that spoils connections on demand: the ways in which an answer can get lost."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import StrEnum


class Cut(StrEnum):
    """What happens to bytes from now on, on old and new connections alike."""

    #: Nothing: everything passes.
    NONE = "none"
    #: The request arrives; the answer is swallowed and the connection stays open.
    SWALLOW_ANSWER = "swallow_answer"
    #: The request arrives; when the answer comes, the client's connection is reset instead.
    RESET_ON_ANSWER = "reset_on_answer"
    #: The request does not arrive; the connection stays open.
    STALL = "stall"
    #: The request does not arrive; the connection is reset.
    RESET = "reset"


class CuttingProxy:
    """Listens on 127.0.0.1 and forwards to `upstream` (host:port). Use it as an async context manager."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.cut = Cut.NONE
        #: Bytes that came from upstream while answers were being cut; set when there are any.
        self.answer_cut = asyncio.Event()

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _reset(writer)
            return
        try:
            up = asyncio.create_task(self._forward_requests(reader, upstream_writer, writer))
            down = asyncio.create_task(self._forward_answers(upstream_reader, writer))
            _, pending = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        finally:
            upstream_writer.close()
            writer.close()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if self.cut is Cut.RESET:
                _reset(client)
                return
            if self.cut is not Cut.STALL:
                upstream.write(data)
                await upstream.drain()

    async def _forward_answers(self, upstream: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await upstream.read(65536):
            if self.cut is Cut.RESET_ON_ANSWER:
                self.answer_cut.set()
                _reset(client)
                return
            if self.cut is Cut.SWALLOW_ANSWER:
                self.answer_cut.set()
            elif self.cut is Cut.NONE:
                client.write(data)
                await client.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
