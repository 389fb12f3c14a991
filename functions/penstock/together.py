"""Commits that come together share a batch, so that what they add to one document is one write.

Nobody waits for company: who comes alone goes at once, and who comes while a batch is under way goes with the
next. A batch that is refused is one of many requests: each of its commits is then made by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from penstock.errors import AlreadyExists, PreconditionFailed, StoreError, WriteRefused
from penstock.ports import Increment, Merge, Store, Write

#: Commits of one batch: as many as an instance of response_processor is sent at once.
_MOST = 80
#: Nothing of the batch was written: each of its commits may be made by itself.
_REFUSED = (AlreadyExists, PreconditionFailed, WriteRefused)


@dataclass(slots=True, eq=False)
class _Asked:
    writes: Sequence[Write]
    done: asyncio.Future[None]


@dataclass(slots=True)
class Together:
    """One per instance and kind of commit."""

    _waiting: list[_Asked] = field(default_factory=list)
    _under_way: asyncio.Task[None] | None = None

    async def commit(self, store: Store, writes: Sequence[Write], *, timeout_s: float) -> None:
        """Commit `writes`, whole or not at all. Raises StoreError."""
        asked = _Asked(writes, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._run(store, timeout_s))
        await asked.done

    async def _run(self, store: Store, timeout_s: float) -> None:
        while self._waiting:
            batch = self._next()
            try:
                await _commit(store, batch, timeout_s)
            finally:
                for asked in batch:  # however this ends, nobody is left waiting
                    asked.done.cancel()

    def _next(self) -> list[_Asked]:
        """Those that go now: of two that change the same document under a precondition the later one waits,
        for a store may hold both of one batch against what was there before it."""
        batch: list[_Asked] = []
        later: list[_Asked] = []
        changed: set[str] = set()
        for asked in self._waiting:
            ours = {write.path for write in asked.writes if not isinstance(write, Merge)}
            if len(batch) == _MOST or ours & changed:
                later.append(asked)
            else:
                batch.append(asked)
                changed |= ours
        self._waiting = later
        return batch


async def _commit(store: Store, batch: Sequence[_Asked], timeout_s: float) -> None:
    try:
        await store.commit(added_up(write for asked in batch for write in asked.writes), timeout_s=timeout_s)
    except _REFUSED as error:
        if len(batch) == 1:
            _tell(batch, error)
        else:
            await asyncio.gather(*(_commit(store, [asked], timeout_s) for asked in batch))
    except Exception as error:
        _tell(batch, error)
    else:
        _tell(batch, None)


def _tell(batch: Sequence[_Asked], error: Exception | None) -> None:
    """Each its own error: one that is raised in many places would collect all their traces."""
    for asked in batch:
        if asked.done.done():
            continue
        if error is None:
            asked.done.set_result(None)
        else:
            asked.done.set_exception(type(error)(*error.args) if isinstance(error, StoreError) else error)


def added_up(writes: Iterable[Write]) -> list[Write]:
    """`writes` with one for each document that is only added to."""
    found: list[Write] = []
    places: dict[str, int] = {}
    for write in writes:
        if isinstance(write, Merge):
            at = places.setdefault(write.path, len(found))
            if at < len(found):
                found[at] = _sum(found[at], write)
                continue
        found.append(write)
    return found


def _sum(one: Write, other: Merge) -> Merge:
    """Increments of one field add up; of two values the later one holds, as it would by itself."""
    fields = dict(one.fields) if isinstance(one, Merge) else {}
    for name, value in other.fields.items():
        before = fields.get(name)
        both = isinstance(before, Increment) and isinstance(value, Increment)
        fields[name] = Increment(before.by + value.by) if both else value  # type: ignore[union-attr]
    return Merge(other.path, fields)
