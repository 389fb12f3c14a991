"""A reply is cut off while it is read, before it fills the memory: the hook that every HTTP client gets."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

from penstock.providers.failures import HUNDREDS, Verdict, ambiguous, rejected

#: A hundred times the longest completion that today's models can write.
MAX_REPLY_BYTES = 16 * 2**20
#: Asked of the server, so that what is counted is what is kept.
IDENTITY = {"Accept-Encoding": "identity"}


class ReplyTooLong(Exception):
    """The reply went on past the limit; the connection is dropped."""


class ReplyEncoded(Exception):
    """The reply came compressed in a way that was not asked for and cannot be read with a limit."""


class Redirected(Exception):
    """The server sent a redirect; a prompt is not carried to wherever it points."""


#: What these mean for the bill.
VERDICTS: dict[type[BaseException], Verdict] = {
    ReplyTooLong: ambiguous("The provider's reply is longer than the limit."),
    ReplyEncoded: ambiguous("The provider's reply is compressed although it was asked not to be."),
    Redirected: rejected(f"{HUNDREDS[3].sentence}."),
}


def limit_reply(max_bytes: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """A response hook that lets at most `max_bytes` of a body through, decompressed ones included."""

    async def hook(response: httpx2.Response) -> None:
        if response.is_redirect:
            raise Redirected
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip", "deflate"):
            raise ReplyEncoded
        packed = encoding in ("gzip", "deflate")
        if packed:
            del response.headers["content-encoding"]
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream, max_bytes, packed=packed)

    return hook


class _Limited(httpx2.AsyncByteStream):
    """Another stream, cut off. Some servers compress whatever is asked: that is unpacked within the limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, max_bytes: int, *, packed: bool) -> None:
        self._stream, self._left = stream, max_bytes
        # 32 + 15: zlib tells gzip's header from its own.
        self._unpack = zlib.decompressobj(wbits=47) if packed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            plain = self._unpack.decompress(chunk, self._left + 1) if self._unpack else chunk
            self._left -= len(plain)
            if self._left < 0:
                raise ReplyTooLong
            yield plain

    async def aclose(self) -> None:
        await self._stream.aclose()
