"""Asking again for a key or a token that did not come, where asking again is all there is to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from penstock.errors import SecretUnavailable

#: How often one fetch is tried, and how long it may take with all its tries and pauses, in seconds.
TRIES: Final = 4
WITHIN_S = 10.0
#: The pauses: random, up to twice as long each time, in seconds.
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 2.0

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


async def retried(fetch: Callable[[], Awaitable[T]], *, sleep: Sleep = asyncio.sleep) -> T:
    """What `fetch` brings, tried again while it raises SecretUnavailable; any other SecretError is final.

    Raises the last try's error, and TimeoutError after `WITHIN_S`.
    """
    async with asyncio.timeout(WITHIN_S):
        try:
            return await fetch()
        except SecretUnavailable as error:
            return await _again(fetch, error, sleep)


async def _again(fetch: Callable[[], Awaitable[T]], first: SecretUnavailable, sleep: Sleep) -> T:
    # Here, because it takes a twentieth of a second to import, and most instances never need it.
    from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    failed: list[SecretUnavailable] = [first]

    async def fetch_or_fail() -> T:
        if failed:
            raise failed.pop()
        return await fetch()

    again = AsyncRetrying(
        retry=retry_if_exception_type(SecretUnavailable),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
        sleep=sleep,
        reraise=True,
    )
    return await again(fetch_or_fail)
