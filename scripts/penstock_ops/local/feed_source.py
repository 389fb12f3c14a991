"""Where a feed comes from: a file, or an address."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from penstock_ops.terminal.faults import OperatorFault

#: The largest feed that is read, in bytes, and how long it may take, in seconds.
_LIMIT, _PATIENCE_S = 16 * 1024 * 1024, 30.0


async def read_feed(source: str) -> bytes:
    """Its bytes. Raises OperatorFault."""
    if source.startswith(("http://", "https://")):
        return await _fetched(source)
    try:
        return Path(source).read_bytes()  # noqa: ASYNC240 - one file, before anything runs
    except OSError as error:
        raise OperatorFault(f"{source} cannot be read ({error.strerror}).") from None


async def _fetched(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            if answer.status != 200:
                raise OperatorFault(f"{url} answers {answer.status}.")
            data = b""
            async for piece in answer.content.iter_chunked(64 * 1024):
                data += piece
                if len(data) > _LIMIT:
                    raise OperatorFault(f"{url} has over {_LIMIT} bytes: that is no feed.")
            return data
    except (aiohttp.ClientError, ValueError) as error:
        raise OperatorFault(f"{url} cannot be fetched ({type(error).__name__}).") from None
    except TimeoutError:
        raise OperatorFault(f"{url} does not answer within {_PATIENCE_S:g} s.") from None
