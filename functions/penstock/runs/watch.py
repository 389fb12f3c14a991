"""What an instance that answers members knows of their runs: read at most once in `run_poll_s` seconds each.

So a run's end is seen by its members' claims within that time, and costs them no round trip: it is read
beside the claim, as the pause is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from penstock.errors import StoreUnavailable
from penstock.paths import run_path
from penstock.runs.record import Run
from penstock.services import Services

#: Runs that are remembered; one that is forgotten is read again.
_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Known:
    """What claims need to know."""

    secret: str
    generation: int
    is_live: bool


@dataclass(slots=True)
class _Memory:
    known: Known | None = None
    fresh_until: float = float("-inf")
    #: One read for all deliveries that need it at once; whether the store answered.
    reading: asyncio.Task[bool] | None = None


@dataclass(slots=True)
class RunsWatch:
    """By run's path."""

    _runs: OrderedDict[str, _Memory] = field(default_factory=OrderedDict)

    def look(self, s: Services, tenant: str, run_id: str) -> None:
        """Begin to read what is too old, beside whatever the caller does before it asks `current`."""
        self._begin(s, run_path(tenant, run_id))

    async def current(self, s: Services, tenant: str, run_id: str, generation: int = 0) -> Known | None:
        """As it was `run_poll_s` seconds ago at the earliest, and in `generation` or a later one; None: there
        is none. While the store does not answer, what is known stands; else StoreUnavailable."""
        path = run_path(tenant, run_id)
        memory = self._runs.setdefault(path, _Memory())
        if memory.known is not None and memory.known.generation < generation:
            memory.fresh_until = float("-inf")  # whoever asks knows better
        self._begin(s, path)
        if memory.reading is not None and s.clock.monotonic() >= memory.fresh_until:
            answered = await asyncio.shield(memory.reading)
            if not answered and memory.known is None:
                raise StoreUnavailable("Nobody can say whether the run goes on.")
        return memory.known

    async def secret(self, s: Services, tenant: str, run_id: str) -> str | None:
        """It never changes in a run's life, so what is known will do; None: there is no such run."""
        known = self._runs.get(run_path(tenant, run_id), _Memory()).known
        known = known or await self.current(s, tenant, run_id)
        return known.secret if known is not None else None

    def _begin(self, s: Services, path: str) -> _Memory:
        memory = self._runs.setdefault(path, _Memory())
        self._runs.move_to_end(path)
        if s.clock.monotonic() >= memory.fresh_until and (memory.reading is None or memory.reading.done()):
            memory.reading = asyncio.create_task(_read(s, path, memory))
            self._forget()
        return memory

    def _forget(self) -> None:
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)


async def _read(s: Services, path: str, memory: _Memory) -> bool:
    try:
        [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    except StoreUnavailable:
        if memory.known is not None:
            memory.fresh_until = s.clock.monotonic() + s.timing.run_poll_s
        return False
    run = Run.decode(found.fields) if found.fields is not None else None
    memory.known = Known(run.secret, run.generation, run.is_live) if run is not None else None
    memory.fresh_until = s.clock.monotonic() + s.timing.run_poll_s
    return True
