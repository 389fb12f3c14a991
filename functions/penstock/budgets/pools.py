"""The pools of one instance: one for everything that may be paid out of the same allotment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from penstock.budgets.accounts import Touched, governing, touched
from penstock.budgets.allotment import Allotment
from penstock.budgets.known import Known
from penstock.budgets.pool import Pool
from penstock.money.limits import Limit
from penstock.services import Services
from penstock.targets.routes import Target


class Pools:
    """Made when they are first needed; one whose time is over is left to whoever closes its allotment, or to
    `over`, where somebody may hold of that for hours."""

    def __init__(self, known: Known, over: Callable[[Pool], None] = lambda pool: None) -> None:
        self._known = known
        self._over = over
        self._pools: dict[Touched, Pool] = {}
        #: Which part of `day_ahead_s` before a day's end is this instance's; None: no pool was made yet.
        self._part: float | None = None
        known.drawn_from.append(self.accounts)

    def touched(self, s: Services, limits: Sequence[Limit], target: Target) -> Touched:
        """What a hold that is written now is counted on; near midnight that is the next day already."""
        near = self._known.now(s.clock) + timedelta(seconds=s.timing.allotment_reserve_s)
        return touched(limits, near.astimezone(UTC).date(), target.priced_as)

    def of(self, s: Services, touched: Touched) -> Pool:
        """The pool to take from."""
        pool = self._usable(s, touched)
        self._look_ahead(s, pool)
        return pool

    def fresh(self, s: Services, touched: Touched) -> Pool:
        """One that nobody else takes from."""
        allotment = Allotment(s.new_id(), touched, self._lease_end(s, touched))
        return Pool(s, self._known, allotment, partial(self._limits, touched))

    def _usable(self, s: Services, touched: Touched) -> Pool:
        pool = self._pools.get(touched)
        if pool is None or not pool.is_usable:
            self._drop_old()
            pool = self._pools[touched] = self.fresh(s, touched)
        return pool

    def _look_ahead(self, s: Services, pool: Pool) -> None:
        """Draw for the next day while this one lasts: at its first second all instances would draw at
        once."""
        if self._part is None:
            self._part = s.jitter()
        today = pool.allotment.touched
        ahead = s.timing.allotment_reserve_s + self._part * s.timing.day_ahead_s
        if self._known.now(s.clock) < _midnight(today.day) - timedelta(seconds=ahead):
            return
        tomorrow = touched(self._limits(today), today.day + timedelta(days=1), today.model)
        if tomorrow not in self._pools and pool.is_asked:
            self._usable(s, tomorrow).follow(pool)

    def take_all(self) -> list[Pool]:
        """All of them; from here on others are made."""
        pools = list(self._pools.values())
        self._pools.clear()
        return pools

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _limits(self, touched: Touched) -> tuple[Limit, ...]:
        return governing(self._known.limits or (), touched)

    def _drop_old(self) -> None:
        for old in [key for key, pool in self._pools.items() if not pool.is_usable]:
            self._over(self._pools.pop(old))
        self._known.forget()

    def accounts(self) -> set[str]:
        """Those that are drawn from."""
        return {path for key in self._pools for path in key.accounts}

    def _lease_end(self, s: Services, touched: Touched) -> datetime:
        """Not past the day that is counted; in whole milliseconds, as the store's time of a write is."""
        end = self._known.now(s.clock) + timedelta(seconds=s.timing.allotment_s)
        return min(_midnight(touched.day), end.replace(microsecond=end.microsecond // 1000 * 1000))


def _midnight(day: date) -> datetime:
    """The end of `day`."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
