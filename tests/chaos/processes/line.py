"""The line between one function and one of Google's emulators: a TCP proxy that can be cut.

It keeps to what TCP can do: bytes are late, or the connection ends; none is lost from its middle.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

_NO_LINGER = struct.pack("ii", 1, 0)


class Line:
    """Listens on 127.0.0.1 from `open` to `close`, and forwards to `upstream` (host:port)."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answers_dropped = False

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._flowing.set()
        self.reset()
        await asyncio.gather(*self._calls)

    async def stall(self, seconds: float) -> None:
        """Hold back everything in both directions, then let it go on."""
        self._flowing.clear()
        await asyncio.sleep(seconds)
        self._flowing.set()

    async def drop_answers(self, seconds: float) -> None:
        """Let requests through and nothing back; then reset the connections whose answers are missing."""
        self._answers_dropped = True
        await asyncio.sleep(seconds)
        self.reset()
        self._answers_dropped = False

    def reset(self) -> None:
        """RST to every connection."""
        for client in list(self._clients):
            _reset(client)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        self._clients.add(writer)
        call.add_done_callback(self._calls.discard)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _reset(writer)
            return
        finally:
            call.add_done_callback(lambda _: self._clients.discard(writer))
        ways = {
            asyncio.create_task(self._forward(reader, up_writer)),
            asyncio.create_task(self._forward(up_reader, writer, answers=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()
            writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                if answers and self._answers_dropped:
                    continue  # the reset that follows takes the rest of this connection with it
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
