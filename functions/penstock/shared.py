"""What many ask at once is worked out once, and for each of them it was begun after it had asked.

So nobody shares what is under way already: that may have looked before what the newcomer was told of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from penstock.errors import StoreError

T = TypeVar("T")


@dataclass(slots=True)
class Shared(Generic[T]):
    """One per instance and kind of question; `key` is which one is asked. At most `at_once` are worked out at
    a time: whoever answers them is slower the more he is asked, and what waits is shared meanwhile."""

    at_once: int

    #: Not begun: whoever comes shares it. Begun: the next one waits for its end.
    _next: dict[str, asyncio.Task[T]] = field(default_factory=dict)
    _begun: dict[str, asyncio.Task[T]] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.at_once)

    async def ask(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, or the work of somebody who asked `key` beside us. Raises what it raises."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._run(key, work))
        try:
            return await asyncio.shield(task)  # the others still want it
        except StoreError as error:
            # Each its own: one that is raised in many places would collect all their traces.
            raise type(error)(*error.args) from None

    async def _run(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        if key in self._begun:
            await asyncio.wait([self._begun[key]])
        async with self._turn:
            self._begun[key] = self._next.pop(key)
            try:
                return await work()
            finally:
                del self._begun[key]
