"""The limit on a reply as a hook of httpx2, the client below huggingface_hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

from penstock.adapters.providers.reply_limit import Redirected, ReplyLimit
from penstock.adapters.providers.reply_packing import unpacked
from penstock.adapters.providers.reply_text import holds_an_answer


def limit_reply(max_bytes: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """A response hook that lets at most `max_bytes` of a body through, packed and unpacked.

    The hook raises Redirected, reading the body ReplyTooLong.
    """

    async def hook(response: httpx2.Response) -> None:
        if response.is_redirect:
            raise Redirected
        # Taken away, so that httpx2 does not unpack without a limit what it knows how to.
        encoding = response.headers.pop("content-encoding", None)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream, max_bytes, encoding)

    return hook


class _Limited(httpx2.AsyncByteStream):
    """Another stream, cut off and unpacked."""

    def __init__(self, stream: httpx2.AsyncByteStream, max_bytes: int, encoding: str | None) -> None:
        self._stream, self._max_bytes, self._encoding = stream, max_bytes, encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        limit, pieces = ReplyLimit(self._max_bytes), list[bytes]()
        try:
            async for piece in self._stream:
                pieces.append(limit.take(piece))
        except httpx2.RemoteProtocolError:
            # Fewer bytes than were announced, which may be all there ever were.
            data = unpacked(b"".join(pieces), self._encoding, self._max_bytes)
            if not holds_an_answer(data):
                raise
        else:
            data = unpacked(b"".join(pieces), self._encoding, self._max_bytes)
        yield data

    async def aclose(self) -> None:
        await self._stream.aclose()
