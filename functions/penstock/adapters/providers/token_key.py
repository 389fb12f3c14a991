"""Keys that end: tokens of the identity that we run as, replaced before they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from penstock.adapters.providers.retried import WITHIN_S, Sleep, retried
from penstock.adapters.providers.shared_fetch import SharedFetch
from penstock.errors import SecretError, SecretUnavailable

#: Fetch a new token this many seconds before the old one ends, as google-auth does. The metadata server hands
#: out the same token until five minutes before its end.
REFRESH_BEFORE_S: Final = 225.0
#: Of a token whose end cannot be read.
ASSUMED_LIFE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Token:
    """One token, and when it ends in seconds since 1970, where that is known. Never shown."""

    value: str = field(repr=False)
    ends: float | None


class TokenKey:
    """A `Key` that is fetched when first needed, kept, and replaced before it ends. One fetch at a time.

    `source` blocks, so it is called in a thread; it raises SecretError. `named` is what it brings, for the
    sentence that says it did not come. `now` is the wall clock in seconds since 1970, as a token's end is.
    """

    def __init__(
        self,
        named: str,
        source: Callable[[], Token],
        *,
        now: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._named, self._source, self._now, self._sleep = named, source, now, sleep
        self._fetched, self._fresh_until = SharedFetch(self._fetch), 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._named!r})"

    async def value(self) -> str:
        """The token. Raises SecretError."""
        if not self._fresh():
            await self._fetched.fetch()
        self._fetched.use()
        return self._fetched.value or ""

    async def reload(self) -> bool:
        """Fetch another one; whether it is another. Raises SecretError."""
        return await self._fetched.renew()

    def _fresh(self) -> bool:
        return bool(self._fetched.value) and self._now() < self._fresh_until

    async def _fetch(self) -> str:
        try:
            token = await retried(lambda: asyncio.to_thread(self._source), sleep=self._sleep)
        except TimeoutError:
            raise SecretError(f"No {self._named} came within {WITHIN_S:.0f} s.") from None
        now = self._now()
        life_s = (token.ends or now + ASSUMED_LIFE_S) - now
        # One that ends soon is kept for half its life: else every call would fetch it again.
        self._fresh_until = now + max(life_s - REFRESH_BEFORE_S, life_s / 2)
        return token.value


def no_token(named: str, error: Exception, advice: str = "") -> SecretError:
    """What an error of google-auth means, without its text, which may hold a token."""
    passing = getattr(error, "retryable", False) or isinstance(error, OSError)
    kind = SecretUnavailable if passing else SecretError
    return kind(f"No {named} could be had ({type(error).__name__}){advice}.")
