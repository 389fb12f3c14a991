"""What this instance knows of the targets' speed: read once in a while, and added to what all know.

It is read and written beside a delivery, never before a call: until the first read the priors stand. What an
instance saw and did not write before it ended is lost, and nobody misses it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from penstock import log
from penstock.errors import StoreError
from penstock.lanes.histogram import Histogram
from penstock.lanes.speed import Seen, Speed
from penstock.paths import speed_path
from penstock.ports import Create, Fields, Snapshot, Update, Write
from penstock.services import Services


class Speeds:
    """The speed of the targets that are named `targets`."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = list(targets)
        self._known: dict[str, Speed] = {}
        #: What was seen here and is not written yet.
        self._seen: dict[str, list[Seen]] = {}
        self._next_look = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def of(self, target: str, s: Services) -> Speed:
        """What is known of `target`, as of the last look."""
        return self._known.get(target) or Speed(Histogram(s.clock.now()))

    def note(self, target: str, seen: Seen) -> None:
        """One request ended at `target`."""
        self._seen.setdefault(target, []).append(seen)

    def look(self, s: Services) -> None:
        """Begin to read, and to write what was seen, if the last time is long enough ago."""
        now = s.clock.monotonic()
        if now < self._next_look or (self._looking is not None and not self._looking.done()):
            return
        self._next_look = now + s.timing.speed_poll_s
        self._looking = asyncio.create_task(self._look(s))

    def close(self) -> None:
        """Stop; for the end of a process."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, s: Services) -> None:
        """One read, and one batch if there is something to tell. A race that is lost is told next time."""
        with contextlib.suppress(StoreError):
            paths = [speed_path(target) for target in self._targets]
            found = await s.store.read(paths, timeout_s=s.timing.read_s)
            for target, document in zip(self._targets, found, strict=True):
                if document.fields is not None:
                    self._learn(target, document.fields)
            telling, self._seen = self._seen, {}
            try:
                await self._tell(s, telling, dict(zip(self._targets, found, strict=True)))
            except StoreError:
                for target, some in telling.items():
                    self._seen[target] = some + self._seen.get(target, [])

    def _learn(self, target: str, fields: Fields) -> None:
        """What no version before wrote says nothing: the priors stand, and what is seen replaces it."""
        try:
            self._known[target] = Speed.decode(fields)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.warning("speed.unreadable", "What is known of a speed cannot be read.", target=target)
            self._known.pop(target, None)

    async def _tell(self, s: Services, telling: dict[str, list[Seen]], found: dict[str, Snapshot]) -> None:
        writes: list[Write] = []
        for target, some in telling.items():
            speed = self.of(target, s).with_seen(some, s.clock.now(), s.timing.speed_half_life_s)
            self._known[target] = speed
            document, fields = found[target], speed.encode(target)
            write = Update(document.path, fields, document.version) if document.exists else None
            writes.append(write or Create(document.path, fields))
        if writes:
            await s.store.commit(writes, timeout_s=s.timing.commit_s)
