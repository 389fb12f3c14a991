"""Fetches of one key: one at a time, and its outcome is everybody's who can learn nothing more from another.

A key that is refused is refused to every call under way: fifty fetches of the same secret in a row, each up
to ten seconds with a lease held, would say no more than the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar


class SharedFetch:
    """What `fetch` brought last, and which of its fetches that was. `fetch` raises SecretError."""

    def __init__(self, fetch: Callable[[], Awaitable[str]]) -> None:
        self.value: str | None = None
        self._fetch = fetch
        self._under_way: asyncio.Task[None] | None = None
        #: Fetches that have ended, failed ones too, and the newest that brought another value.
        self._ended = 0
        self._changed = 0

    def use(self) -> None:
        """The delivery that runs this makes a call with the value as it is now."""
        _used.set((self, self._ended))

    async def fetch(self) -> None:
        """Wait for the fetch under way, or make one. Raises its SecretError."""
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._once())
        # One caller that is cut off must not spoil it for the others.
        await asyncio.shield(self._under_way)

    async def renew(self) -> bool:
        """Whether there is another value than this delivery's last call used; fetches where that is unknown.

        A fetch that ended since that call began has told already. Raises SecretError.
        """
        owner, used = _used.get((self, self._ended))
        if owner is not self:
            used = self._ended
        if used == self._ended:
            await self.fetch()
        self.use()
        return self._changed > used

    async def _once(self) -> None:
        try:
            value = await self._fetch()
        finally:
            self._under_way = None
            self._ended += 1
        if value != self.value:
            self.value, self._changed = value, self._ended


#: Of this task, which is one delivery: whose value its last call used, and after how many fetches.
_used: ContextVar[tuple[SharedFetch, int]] = ContextVar("used")
