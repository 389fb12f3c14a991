"""A stream cut anew: whoever sends it on holds one piece in memory, whatever its source hands out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

#: Bytes of a piece. Cloud Storage takes multiples of 256 KiB.
PIECE = 4 * 1024 * 1024


async def pieces(chunks: AsyncIterable[bytes], size: int = PIECE) -> AsyncIterator[tuple[bytes, bool]]:
    """`chunks` in pieces of exactly `size` bytes and a last one of at most as many; whether it is the last.

    There is always a last one: of nothing it is empty.
    """
    held = bytearray()
    async for chunk in chunks:
        for start in range(0, len(chunk), size):
            held += chunk[start : start + size]
            if len(held) > size:
                yield bytes(memoryview(held)[:size]), False
                del held[:size]
    yield bytes(held), True
