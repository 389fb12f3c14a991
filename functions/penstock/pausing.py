"""A pause: until the operator resumes, no new call starts, and what arrives is put aside, durable.

It is one control document, which every instance reads on its deliveries, at most once every
`pause_poll_s` seconds. So a pause holds everywhere within that time, and costs nothing while nothing comes.
What is in flight ends, its quick retries with it. What needs no call is done all the same: cache hits,
followers whose leader has ended, deadlines that pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from penstock import log
from penstock.errors import StoreUnavailable
from penstock.ports import Clock, Store
from penstock.rules.timing import Timing

#: The control document; while it is there, Penstock is paused.
PAUSE_PATH = "control/pause"


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when, and why in the operator's words."""

    since: datetime
    reason: str = ""

    def encode(self) -> dict[str, Any]:
        return {"since": self.since, "reason": self.reason}

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Pause:
        return cls(document["since"], document.get("reason", ""))

    def held_until(self, now: datetime, jitter: float, timing: Timing) -> datetime:
        """When a request that is put aside `now` looks again by itself; `jitter` is uniform in [0, 1).

        As long again as the pause has lasted, within bounds: a long pause with much put aside must not
        keep the sweeper busy with waking it in vain. `penstock resume` brings the time forward.
        """
        lasted = (now - self.since).total_seconds()
        wait = min(timing.hold_max_s, max(timing.hold_min_s, lasted))
        return now + timedelta(seconds=wait * (1 + jitter / 4))


@dataclass(slots=True)
class PauseWatch:
    """What this instance knows of the pause."""

    _known: Pause | None = None
    _fresh_until: float = float("-inf")
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self, store: Store, clock: Clock, timing: Timing) -> Pause | None:
        """The pause in force, as it was `pause_poll_s` seconds ago at the earliest; None: there is none.

        Where the store does not answer, what was known stands.
        """
        if clock.monotonic() >= self._fresh_until:
            async with self._turn:
                if clock.monotonic() >= self._fresh_until:
                    await self._look(store, timing)
                    self._fresh_until = clock.monotonic() + timing.pause_poll_s
        return self._known

    async def _look(self, store: Store, timing: Timing) -> None:
        try:
            [found] = await store.read([PAUSE_PATH], timeout_s=timing.read_s)
        except StoreUnavailable:
            log.warning("pause.unknown", "Whether Penstock is paused could not be read; as before.")
            return
        pause = Pause.decode(found.fields) if found.fields is not None else None
        if (pause is None) != (self._known is None):
            message = "No new calls: paused." if pause else "Calls again: resumed."
            log.warning("pause.changed", message, paused=pause is not None)
        self._known = pause
