"""The limit on a reply's length, where the bytes come in: the rule, by way of the hook that httpx2 gets.

What aiohttp reads goes through the same rule, over real sockets: tests/integration/providers."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest

from penstock.adapters.providers.httpx2_reply import limit_reply
from penstock.adapters.providers.reply_limit import ReplyTooLong

MIB = 2**20


class Pieces(httpx2.AsyncByteStream):
    """A body in the given pieces; counts how many were taken."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.taken = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece


async def read(stream: Pieces, limit: int, encoding: str | None = None) -> bytes:
    headers = {"Content-Encoding": encoding} if encoding else {}
    response = httpx2.Response(200, headers=headers, stream=stream)
    await limit_reply(limit)(response)
    return await response.aread()


async def test_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert await read(Pieces(b"abc", b"de"), 5) == b"abcde"
    with pytest.raises(ReplyTooLong):
        await read(Pieces(b"abc", b"def"), 5)


async def test_what_lies_behind_the_limit_is_not_even_asked_for() -> None:
    stream = Pieces(*[b"x" * 10] * 1000)
    with pytest.raises(ReplyTooLong):
        await read(stream, 25)
    assert stream.taken == 3


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_packed_reply_is_unpacked_within_the_limit(pack: object) -> None:
    assert callable(pack)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    packed = pack(b"abcde" * 1000)
    for limit, passes in ((5000, True), (4999, False)):
        # In one piece, and byte by byte.
        for stream in (Pieces(packed), Pieces(*(bytes([byte]) for byte in packed))):
            if passes:
                assert await read(stream, limit, encoding) == b"abcde" * 1000
            else:
                with pytest.raises(ReplyTooLong):
                    await read(stream, limit, encoding)


async def test_one_small_piece_that_unpacks_to_100_mb_never_gets_there() -> None:
    bomb = gzip.compress(b"\0" * 100 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(ReplyTooLong):
            await read(Pieces(bomb), MIB, "gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


async def test_what_cannot_be_unpacked_is_left_to_its_reader() -> None:
    # It may be plain text that is only called packed.
    assert await read(Pieces(b"abc"), 5, "br") == b"abc"
    assert await read(Pieces(b"abc"), 5, "gzip, br") == b"abc"


async def test_layers_upon_layers_end() -> None:
    packed = b"abc"
    for _ in range(9):
        packed = gzip.compress(packed)
    assert gzip.decompress(await read(Pieces(packed), MIB, ", ".join(["gzip"] * 9))) != b"abc"


async def test_members_share_one_limit() -> None:
    packed = gzip.compress(b"x" * 400) * 4
    assert len(await read(Pieces(packed), 1600, "gzip")) == 1600
    with pytest.raises(ReplyTooLong):
        await read(Pieces(packed), 1599, "gzip")
