"""A pause: until the operator resumes, no new call starts, and what arrives is put aside, durable.

It is one control document, which every instance reads on its deliveries, at most once every
`pause_poll_s` seconds. So a pause holds everywhere within that time, and costs nothing while nothing comes.
It is read beside the claim, so that it costs no round trip, and looked at between the claim and the call.
What is in flight ends, its quick retries with it. What needs no call is done all the same: cache hits,
followers whose leader has ended, deadlines that pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from penstock import log
from penstock.errors import StoreUnavailable
from penstock.ports import Clock, Snapshot, Store
from penstock.timing import Timing

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
    """What this instance knows of the pause, and of what is read in the same round trip."""

    #: Further documents by path, and who is told what is there.
    beside: dict[str, Callable[[Snapshot], None]] = field(default_factory=dict)
    _known: Pause | None = None
    _fresh_until: float = float("-inf")
    #: One read for all deliveries that need it at once; whether the store answered.
    _reading: asyncio.Task[bool] | None = None

    def look(self, store: Store, clock: Clock, timing: Timing) -> None:
        """Begin to read what is too old, beside whatever the caller does before it asks `current`."""
        if self._is_stale(clock) and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read(store, clock, timing))

    async def current(self, store: Store, clock: Clock, timing: Timing) -> Pause | None:
        """The pause in force, as it was `pause_poll_s` seconds ago at the earliest; None: there is none.

        A known pause stands while the store does not answer; else StoreUnavailable: one may have begun.
        """
        self.look(store, clock, timing)
        if self._is_stale(clock) and self._reading is not None:
            answered = await asyncio.shield(self._reading)
            if not answered and self._known is None:
                raise StoreUnavailable("Nobody can say whether there is a pause.")
        return self._known

    def close(self) -> None:
        """Stop reading; for the end of a process."""
        if self._reading is not None:
            self._reading.cancel()

    def _is_stale(self, clock: Clock) -> bool:
        return clock.monotonic() >= self._fresh_until

    async def _read(self, store: Store, clock: Clock, timing: Timing) -> bool:
        beside = dict(self.beside)
        try:
            [found, *others] = await store.read([PAUSE_PATH, *beside], timeout_s=timing.read_s)
        except StoreUnavailable:
            answered = False
        else:
            answered = True
            for note, other in zip(beside.values(), others, strict=True):
                note(other)
            self._note(Pause.decode(found.fields) if found.fields is not None else None)
        if answered or self._known is not None:
            self._fresh_until = clock.monotonic() + timing.pause_poll_s
        return answered

    def _note(self, pause: Pause | None) -> None:
        if (pause is None) != (self._known is None):
            message = "No new calls: paused." if pause else "Calls again: resumed."
            log.warning("pause.changed", message, paused=pause is not None)
        self._known = pause
