"""The runner `job`: a machine of our own that is started for one file, works it off, and ends.

Nothing is billed by line: what a machine did not get to may be asked again, whatever became of it.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from penstock.adapters.providers.failures import of_status, unpaid
from penstock.adapters.runners.chat_lines import ChatLines
from penstock.drain.shelf import INPUT, OWNER, PART, Shelf, whole
from penstock.drain.shelf_errors import NotThere, ShelfError
from penstock.errors import ProviderFailure
from penstock.runner import Job, Problem

#: Below this lies what a job needs; the bucket's lifecycle rule takes what was forgotten.
DRAINS = "drains"
_NOT_STORED = unpaid("The files of a job could not be used")


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of the machine as its platform tells of it. `run`: what it calls itself as owner of a file."""

    name: str
    run: str
    created_at: datetime
    file: str
    ended: bool


class Machine(Protocol):
    """Each call is one try, and raises ProviderFailure and nothing else."""

    async def begin(self, file: str, window_s: int, timeout_s: float) -> Execution: ...

    async def look(self, name: str, timeout_s: float) -> Execution: ...

    async def since(self, when: datetime, timeout_s: float) -> list[Execution]:
        """All that were created after `when`."""
        ...

    async def cancel(self, name: str, timeout_s: float) -> None: ...

    async def close(self) -> None: ...


class JobRunner(ChatLines):
    """One model on one kind of machine."""

    by_line = False

    def __init__(self, model: str, shelf: Shelf, machine: Machine) -> None:
        super().__init__(model, "http://127.0.0.1", None)
        self._shelf, self._machine = shelf, machine

    async def upload(
        self, name: str, lines: AsyncIterator[bytes], *, expires_s: float, timeout_s: float
    ) -> str:
        # A drain of its own for each try: an upload whose end nobody saw is never worked off.
        at = f"{DRAINS}/{name.removesuffix('.jsonl')}-{uuid.uuid4().hex[:8]}"
        try:
            await self._shelf.put_stream(f"{at}/{INPUT}", lines)
        except ShelfError as error:
            raise _of(error) from None
        return at

    async def create(self, file: str, mark: Mapping[str, str], *, window_s: int, timeout_s: float) -> Job:
        return await self._job(await self._machine.begin(file, window_s, timeout_s))

    async def job(self, name: str, *, timeout_s: float) -> Job:
        return await self._job(await self._machine.look(name, timeout_s))

    async def since(self, when: datetime, *, timeout_s: float) -> list[Job]:
        return [_told(one, (), None) for one in await self._machine.since(when, timeout_s)]

    async def cancel(self, name: str, *, timeout_s: float) -> None:
        await self._machine.cancel(name, timeout_s)

    async def fetch(self, file: str, *, timeout_s: float) -> AsyncIterator[bytes]:
        try:
            async for piece in self._shelf.read(file):
                yield piece
        except ShelfError as error:
            failure = _of(error)
        else:
            return
        raise failure

    async def delete(self, file: str, *, timeout_s: float) -> None:
        """A drain's name: all of it, the input first, so that a machine that is late finds nothing to do."""
        try:
            for name in (f"{file}/{INPUT}", *await self._shelf.names(f"{file}/"), file):
                await self._shelf.delete(name)
        except ShelfError as error:
            raise _of(error) from None

    async def reload_key(self) -> bool:
        return False

    async def close(self) -> None:
        await self._machine.close()
        await self._shelf.close()

    async def _job(self, one: Execution) -> Job:
        """What an execution has to show: only its owner's parts are its own."""
        if not one.ended:
            return _told(one, (), None)
        try:
            parts = await self._parts(one)
        except ShelfError as error:
            raise _of(error) from None
        return _told(one, parts, None if parts else Problem.WHOLE)

    async def _parts(self, one: Execution) -> tuple[str, ...]:
        try:
            owner = await whole(self._shelf, f"{one.file}/{OWNER}")
        except NotThere:
            return ()
        if owner != one.run.encode():
            return ()
        return tuple(await self._shelf.names(f"{one.file}/{PART}"))


def _told(one: Execution, parts: tuple[str, ...], problem: Problem | None) -> Job:
    return Job(
        name=one.name, created_at=one.created_at, file=one.file, ended=one.ended, settled=one.ended,
        answers=parts, problem=problem,
        told="The job ended before its first line; its log says why." if problem else "",
    )  # fmt: skip


def _of(error: ShelfError) -> ProviderFailure:
    if error.status is not None:
        return of_status(error.status)
    return _NOT_STORED.failure()
