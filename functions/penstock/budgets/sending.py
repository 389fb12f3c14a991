"""What those hold who are about to go out in a batch: asked for while it is sealed, before they are stamped.

A batch is out for hours, and nobody closes an allotment while somebody holds of it. So it draws from
allotments of its own, and what it drew and nobody was stamped for goes back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from penstock.budgets.accounts import Touched
from penstock.budgets.allotment import Lapsed
from penstock.budgets.held import with_hold
from penstock.budgets.known import Known
from penstock.budgets.pool import Pool, Wish
from penstock.budgets.pools import Pools
from penstock.budgets.verdicts import Refusal
from penstock.errors import StoreUnavailable
from penstock.ports import Write
from penstock.requests.record import Record
from penstock.services import Services

#: How often is asked anew where an allotment was closed, or the limits changed, before the verdict was used.
_TRIES = 3


@dataclass(slots=True)
class _Asked:
    """`written`: a stamp with its hold may have landed."""

    wish: Wish
    written: bool = False


class Sending:
    """One batch while it is sealed. Requests go by their paths."""

    def __init__(self, pools: Pools, known: Known) -> None:
        self._make, self._known = pools.fresh, known
        self._pools: list[Pool] = []
        self._asked: dict[str, _Asked] = {}
        known.drawn_from.append(self._accounts)

    async def ask(self, s: Services, path: str, touched: Touched, nano: int) -> Refusal | None:
        """None: so much is set apart for the request at `path`. Raises StoreUnavailable: nobody knows."""
        for _ in range(_TRIES):
            asked = self._wish(s, path, touched, nano)
            try:
                refusal = await asked.wish.verdict
            except Lapsed:
                pass
            except StoreUnavailable:
                self._drop(path)
                raise
            else:
                if refusal is not None:
                    self._drop(path)
                    return refusal
                if not asked.wish.pool.retired:
                    return None
            self._drop(path)
        raise StoreUnavailable("Too many allotments were closed, or budgets changed, while this was asked.")

    def hold(self, record: Record) -> tuple[Record, Sequence[Write]]:
        """`record` with what was set apart for it, as its stamp is written."""
        asked = self._asked.get(record.path)
        if asked is None:
            return record, ()
        asked.written = True
        return with_hold(record, asked.wish.hold, waits=True)

    def change(self) -> list[Pool]:
        """The limits are others now: what is not stamped yet is drawn for anew. The pools from before."""
        pools, self._pools = self._pools, []
        for pool in pools:
            pool.retired = True
        return pools

    async def over(self, stamped: Collection[str] | None) -> None:
        """Nobody is stamped any more but those at `stamped`; None: nobody can tell. It does not raise."""
        for path in list(self._asked):
            self._drop(path, stamped)
        self._known.drawn_from.remove(self._accounts)
        await asyncio.gather(*(pool.retire() for pool in self._pools))

    def close(self) -> None:
        for pool in self._pools:
            pool.close()

    def _accounts(self) -> set[str]:
        return {path for pool in self._pools for path in pool.allotment.touched.accounts}

    def _wish(self, s: Services, path: str, touched: Touched, nano: int) -> _Asked:
        """The same as before where a stamp is tried again."""
        pool = self._pool(s, touched)
        asked = self._asked.get(path)
        if asked is None or asked.wish.pool is not pool or asked.wish.hold.nano != nano:
            self._drop(path)
            asked = self._asked[path] = _Asked(pool.take(nano))
        return asked

    def _pool(self, s: Services, touched: Touched) -> Pool:
        for pool in self._pools:
            if pool.allotment.touched == touched and pool.is_usable:
                return pool
        self._pools.append(self._make(s, touched))
        return self._pools[-1]

    def _drop(self, path: str, stamped: Collection[str] | None = None) -> None:
        """What was set apart for a request is not asked for any more: it goes back, unless it may be held."""
        asked = self._asked.pop(path, None)
        if asked is None:
            return
        wish = asked.wish
        if not wish.accepted:
            wish.pool.forget(wish)
        elif asked.written and (stamped is None or path in stamped):
            wish.pool.lose(wish)
        else:
            wish.pool.give(wish.hold.nano, wish)
