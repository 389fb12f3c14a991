"""What was answered, in numbered parts: who goes on after a kill reads which lines are done."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final

from penstock.drain.shelf import PART, Shelf, lines

#: A part is written at so many lines, or so many seconds after its first one.
PART_LINES: Final = 200
PART_S: Final = 30.0


class Parts:
    """The parts of the drain `at`. `lines_each` and `seconds` bound what a kill can lose."""

    def __init__(
        self, shelf: Shelf, at: str, *, lines_each: int = PART_LINES, seconds: float = PART_S
    ) -> None:
        self._shelf, self._at, self._lines, self._seconds = shelf, at, lines_each, seconds
        self._number = 0
        self._open: list[bytes] = []
        self._since = 0.0
        self._writing = asyncio.Lock()

    async def resume(self) -> set[str]:
        """The names of the lines that are done. Raises ShelfError."""
        done: set[str] = set()
        for name in await self._shelf.names(f"{self._at}/{PART}"):
            self._number += 1
            async for line in lines(self._shelf, name):
                done.add(json.loads(line)["custom_id"])
        return done

    async def add(self, line: dict[str, Any]) -> None:
        """Raises ShelfError."""
        if not self._open:
            self._since = time.monotonic()
        self._open.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        if len(self._open) >= self._lines or time.monotonic() - self._since >= self._seconds:
            await self.flush()

    async def tick(self) -> None:
        """Write what has lain too long, though nothing new comes. Raises ShelfError."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            if self._open and time.monotonic() - self._since >= self._seconds:
                await self.flush()

    async def flush(self) -> None:
        """Raises ShelfError: what is not written stays, for the next try."""
        async with self._writing:
            taken = list(self._open)
            if taken:
                name = f"{self._at}/{PART}{self._number + 1:05}.jsonl"
                await self._shelf.put(name, b"".join(taken))
                self._number += 1
                del self._open[: len(taken)]
