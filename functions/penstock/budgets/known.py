"""What an instance knows of the budgets: the limits in force, the accounts it draws from, the store's time.

Limits are read with the pause, in the same round trip (pause.py), so that a change holds
everywhere as soon as that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from penstock.budgets.accounts import Touched, touching
from penstock.errors import StoreUnavailable
from penstock.money.limits import MONEY_PATH, Limit, in_force
from penstock.ports import Clock, Snapshot, Store
from penstock.requests.record import Record
from penstock.services import Services
from penstock.targets.routes import Target
from penstock.timing import Timing


class Known:
    """`limits` is None until somebody has read; `changed` is called when it becomes another."""

    def __init__(self, settings: Iterable[Limit], changed: Callable[[], None]) -> None:
        self.limits: tuple[Limit, ...] | None = None
        #: The accounts that somebody draws from now.
        self.drawn_from: list[Callable[[], set[str]]] = []
        self._settings = tuple(settings)
        self._changed = changed
        self._accounts: dict[str, dict[str, int]] = {}
        #: The store's clock at the newest read, and ours (monotonic seconds) when it came.
        self._read_at: tuple[datetime, float] | None = None
        #: When each account was read whole (monotonic seconds).
        self._seen: dict[str, float] = {}
        self._monotonic: Callable[[], float] = time.monotonic
        self._poll_s = 0.0

    def watch(self, s: Services) -> None:
        """Have it read with the pause from now on."""
        self._monotonic, self._poll_s = s.clock.monotonic, s.timing.pause_poll_s
        s.pause.beside.setdefault(MONEY_PATH, self._note_limits)

    def forget(self) -> None:
        """Nobody draws from any account any more but those that `drawn_from` say."""
        for path in self._accounts.keys() - {path for paths in self.drawn_from for path in paths()}:
            del self._accounts[path]
            self._seen.pop(path, None)

    async def read(self, store: Store, timing: Timing, touched: Touched) -> None:
        """Read these accounts now. Raises StoreUnavailable."""
        for found in await store.read(list(touched.accounts), timeout_s=timing.read_s):
            self._note_account(found)

    def has_seen(self, touched: Touched) -> bool:
        """Whether anything is known of all of them; nothing may have been granted yet."""
        return all(path in self._accounts for path in touched.accounts)

    def is_fresh(self, touched: Touched) -> bool:
        """Whether all of them were read as lately as the pause must be."""
        since = self._monotonic() - self._poll_s
        return all(self._seen.get(path, -math.inf) > since for path in touched.accounts)

    def now(self, clock: Clock) -> datetime:
        """The store's time, as near as the newest read tells: its day is the day that is counted."""
        if self._read_at is None:
            return clock.now()
        at, then = self._read_at
        return at + timedelta(seconds=clock.monotonic() - then)

    def touching(self, tenant: str, target: str, model: str) -> tuple[Limit, ...]:
        """The limits that such a call is under, as far as they are known."""
        return touching(self.limits or (), tenant, target, model)

    async def limits_on(self, s: Services, record: Record, target: Target) -> tuple[Limit, ...]:
        """The limits that a call of `record` to `target` is under, as fresh as the pause must be: before a
        call again, minutes after the claim, they may be others. Raises StoreUnavailable: nobody knows."""
        await s.pause.current(s.store, s.clock, s.timing)
        if self.limits is None:
            raise StoreUnavailable("Nobody can say whether there is a budget.")
        return self.touching(record.tenant, target.name, target.priced_as)

    def account(self, path: str) -> Mapping[str, int]:
        """Its counters as they were last seen; each of them can only have grown."""
        return self._accounts.get(path, {})

    def saw(self, path: str, counters: Mapping[str, Any]) -> None:
        """What a write has left in some counters."""
        known = self._accounts.setdefault(path, {})
        for name, value in counters.items():
            if isinstance(value, int):
                known[name] = max(value, known.get(name, 0))

    def _note_account(self, found: Snapshot) -> None:
        self._note_time(found)
        self._seen[found.path] = self._monotonic()
        self.saw(found.path, found.fields or {})

    def _note_limits(self, found: Snapshot) -> None:
        self._note_time(found)
        before, self.limits = self.limits, in_force(self._settings, found.fields)
        if before is not None and set(before) != set(self.limits):
            self._changed()

    def _note_time(self, found: Snapshot) -> None:
        self._read_at = (found.read_at, self._monotonic())
