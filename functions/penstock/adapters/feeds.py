"""A feed from its address."""

from __future__ import annotations

import aiohttp

from penstock.errors import FeedError

#: The largest feed that is read, in bytes, and how long it may take, in seconds.
_LIMIT, _PATIENCE_S = 16 * 1024 * 1024, 30.0


async def fetch_feed(url: str) -> bytes:
    """Its bytes. Raises FeedError, whose text does not hold the address: it may carry a token."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            if answer.status != 200:
                raise FeedError(f"The feed's server answers {answer.status}.")
            return await _whole(answer)
    except (aiohttp.ClientError, ValueError) as error:
        raise FeedError(f"The feed cannot be fetched ({type(error).__name__}).") from None
    except TimeoutError:
        raise FeedError(f"The feed's server does not answer within {_PATIENCE_S:g} s.") from None


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    data = b""
    async for piece in answer.content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > _LIMIT:
            raise FeedError(f"It has over {_LIMIT} bytes: that is no feed.")
    return data
