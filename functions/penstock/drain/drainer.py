"""Work a file off: fence first, then the engine, then every line at full width, its answers in parts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import aiohttp

from penstock.drain.ask import EngineLost, ask, name_of
from penstock.drain.engine import Engine
from penstock.drain.parts import Parts
from penstock.drain.shelf import DONE, INPUT, OWNER, Shelf, lines, whole


class Exit(IntEnum):
    """How a drain ends, as its process's status."""

    DONE = 0
    FAILED = 1
    #: Somebody else works this file off.
    NOT_OURS = 3
    #: Told to stop; what was answered is written.
    STOPPED = 143


@dataclass(slots=True)
class Drain:
    """One run over the file of `at`. `run`: the same after a restart; another one has no business here."""

    shelf: Shelf
    at: str
    run: str
    engine: Engine
    address: str
    parts: Parts
    width: int = 256
    ready_s: float = 900.0
    unreadable: int = 0
    lines: int = 0

    async def work(self, stop: asyncio.Event) -> Exit:
        """Raises ShelfError. `stop`: SIGTERM came."""
        if not await self._ours():
            say("Somebody else works this file off.")
            return Exit.NOT_OURS
        try:
            return await self._until(stop)
        except EngineLost as error:
            say(f"The engine is lost: {error}.")
            return Exit.FAILED
        finally:
            try:
                await self.parts.flush()
            finally:
                await self.engine.stop()

    async def _ours(self) -> bool:
        name, mine = f"{self.at}/{OWNER}", self.run.encode()
        return await self.shelf.put(name, mine, new=True) or await whole(self.shelf, name) == mine

    async def _until(self, stop: asyncio.Event) -> Exit:
        """Whichever is first: all of it is done, we are stopped, the engine has ended, a write fails."""
        working = asyncio.create_task(self._work_off())
        others = [asyncio.create_task(one) for one in self._others(stop)]
        try:
            done, _ = await asyncio.wait({working, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled([working, *others])
        for one in done:
            one.result()
        if working in done:
            return Exit.DONE
        if stop.is_set():
            return Exit.STOPPED
        raise EngineLost("it ended")

    def _others(self, stop: asyncio.Event) -> list[Coroutine[Any, Any, Any]]:
        return [stop.wait(), self._engine_ended(), self.parts.tick()]

    async def _engine_ended(self) -> None:
        await self.engine.start()
        await self.engine.ended()

    async def _work_off(self) -> None:
        done = await self.parts.resume()
        # A connection of its own for each line: an engine closes what lies idle (uvicorn after 5 s), and a
        # question that meets such an end would be an engine that is lost.
        limit = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=limit) as http:
            await self.engine.ready(http, self.ready_s)
            await self._lines(http, done)
        await self.parts.flush()
        told = {"lines": self.lines, "unreadable": self.unreadable}
        await self.shelf.put(f"{self.at}/{DONE}", json.dumps(told).encode())

    async def _lines(self, http: aiohttp.ClientSession, done: set[str]) -> None:
        room = asyncio.Semaphore(self.width)

        async def one(name: str, body: Any) -> None:
            try:
                await self.parts.add(await ask(http, self.address, name, body))
            finally:
                room.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for line in lines(self.shelf, f"{self.at}/{INPUT}"):
                    read = name_of(line)
                    if read is None:
                        self.unreadable += bool(line.strip())
                        continue
                    self.lines += 1
                    if read[0] not in done:
                        done.add(read[0])
                        await room.acquire()
                        group.create_task(one(*read))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None


async def _cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def say(message: str) -> None:
    """A line for the log; never what was asked or answered."""
    sys.stdout.write(json.dumps({"severity": "INFO", "action": "drain", "message": message}) + "\n")
    sys.stdout.flush()
