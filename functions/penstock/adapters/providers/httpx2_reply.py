"""The limit on a reply as a hook of httpx2, the client below huggingface_hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

from penstock.adapters.providers.reply_limit import Redirected, ReplyLimit


def limit_reply(max_bytes: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """A response hook that lets at most `max_bytes` of a body through, decompressed ones included.

    The hook raises Redirected and ReplyEncoded; reading the body raises what `ReplyLimit.take` does.
    """

    async def hook(response: httpx2.Response) -> None:
        if response.is_redirect:
            raise Redirected
        limit = ReplyLimit(max_bytes, response.headers.get("content-encoding"))
        if limit.packed:
            del response.headers["content-encoding"]
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream, limit)

    return hook


class _Limited(httpx2.AsyncByteStream):
    """Another stream, cut off."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: ReplyLimit) -> None:
        self._stream, self._limit = stream, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            yield self._limit.take(piece)

    async def aclose(self) -> None:
        await self._stream.aclose()
