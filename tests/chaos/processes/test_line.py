"""A cut line does what a network may do: bytes are late, or the connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.processes.line import Line

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """A line to a server that says back what it hears, line by line."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.readline():
            writer.write(said)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        line = Line(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await line.open()
        yield line
        await line.close()


async def _connect(line: Line) -> Streams:
    host, port = line.host.split(":")
    return await asyncio.open_connection(host, int(port))


async def test_what_is_said_passes(line: Line) -> None:
    reader, writer = await _connect(line)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    writer.close()


async def test_a_stall_makes_bytes_late_and_loses_none(line: Line) -> None:
    reader, writer = await _connect(line)
    stall = asyncio.create_task(line.stall(0.2))
    await asyncio.sleep(0)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    assert stall.done()
    writer.close()


async def test_dropped_answers_end_with_the_connection(line: Line) -> None:
    reader, writer = await _connect(line)
    writer.write(b"first\n")
    await reader.readline()
    dropping = asyncio.create_task(line.drop_answers(0.2))
    await asyncio.sleep(0)
    writer.write(b"second\n")
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    await dropping
    writer.close()


async def test_a_reset_ends_every_connection_and_the_next_one_works(line: Line) -> None:
    reader, writer = await _connect(line)
    writer.write(b"first\n")
    await reader.readline()
    line.reset()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    await test_what_is_said_passes(line)
