"""Where the pulse hangs on a request's life: at its confirmation, in the one delivery that made it.

Nothing waits for it on the way to an answer. Counts lie in memory until the instance has nothing else under
way, or for EVERY_S seconds: a hot document would be written too often else. What an instance that dies has in
memory is lost: this is a picture, and the money is counted elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Final

from penstock import log
from penstock.errors import StoreError
from penstock.ports import Increment, Merge
from penstock.pulse.counts import counted, field_of, minute_of, path_of
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services

#: A busy instance writes so often, an idle one at once but not oftener than each LEAST_S: seconds.
EVERY_S: Final = 15.0
LEAST_S: Final = 1.0


class Pulse(Seam):
    """One instance's."""

    def __init__(self) -> None:
        self._counts: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
        self._under_way = 0
        self._written_at = -EVERY_S

    def before_response(self) -> None:
        self._under_way += 1

    async def after_response(self, s: Services, confirmed: Record | None) -> None:
        try:
            if confirmed is not None:
                self._counts[minute_of(confirmed.confirmed_at or s.clock.now())] += counted(confirmed)
        except Exception as error:
            log.crash("pulse.failed", "A fault of ours: one result is not in the picture.", error)
        self._under_way -= 1
        if self._under_way == 0:
            await asyncio.sleep(self._written_at + LEAST_S - s.clock.monotonic())
        if self._counts and (self._under_way == 0 or s.clock.monotonic() >= self._written_at + EVERY_S):
            await self._write(s)

    async def _write(self, s: Services) -> None:
        counts, self._counts = self._counts, defaultdict(Counter)
        self._written_at = s.clock.monotonic()
        fields: defaultdict[str, dict[str, object]] = defaultdict(dict)
        for minute, of_minute in counts.items():
            fields[path_of(minute)]["expires_at"] = minute + timedelta(seconds=s.timing.retention_s)
            for name, by in of_minute.items():
                fields[path_of(minute)][field_of(minute, name)] = Increment(by)
        try:
            writes = [Merge(path, of_hour) for path, of_hour in fields.items()]
            await s.store.commit(writes, timeout_s=s.timing.commit_s)
        except StoreError:
            log.warning("pulse.lost", "The store did not take the counts of some results.", hours=len(fields))
