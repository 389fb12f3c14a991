"""What is held at this moment: drawn by instances, or held for calls, and charged to no request yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from penstock.budgets.accounts import GRANTED, RETURNED, Touched, governing
from penstock.budgets.doubts import undecided
from penstock.budgets.held import DRAWN
from penstock.money.limits import Limit
from penstock.paths import ALLOTMENTS, DRAWN_SHARDS
from penstock.ports import Cursor, Snapshot
from penstock.services import Services

#: Allotments of one query.
_BATCH = 100


class Outstanding(NamedTuple):
    """Nano-dollars, and what they count on: of an allotment that is not closed, what nobody was charged."""

    touched: Touched
    nano: int


async def outstanding(s: Services) -> list[Outstanding]:
    """Of every allotment that is not closed. Raises StoreError."""
    found: list[Outstanding] = []
    batch: list[Snapshot] = []
    after: Cursor | None = None
    while after is None or len(batch) == _BATCH:
        batch = await s.store.find(
            ALLOTMENTS, "due_at", "", "~", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        found += await asyncio.gather(*(_of(s, each) for each in batch))
        if not batch:
            break
        after = Cursor((batch[-1].fields or {})["due_at"], batch[-1].path)
    return found


async def _of(s: Services, found: Snapshot) -> Outstanding:
    fields = found.fields or {}
    left = fields[GRANTED] - fields[RETURNED] - await drawn(s, found.path)
    return Outstanding(Touched.decode(fields), max(0, left))


async def drawn(s: Services, path: str) -> int:
    """What the allotment at `path` was charged so far, in nano-dollars. Raises StoreError."""
    shards = await s.store.scan(f"{path}/drawn", after="", limit=DRAWN_SHARDS, timeout_s=s.timing.read_s)
    return sum(int((shard.fields or {}).get(DRAWN, 0)) for shard in shards)


async def doubtful(s: Services, today: date) -> list[Outstanding]:
    """What is charged for calls of this month that may have been paid, and that no bill has decided about.

    Raises StoreError.
    """
    return [Outstanding(touched, nano) for touched, nano in await undecided(s, today.replace(day=1), today)]


def counted_under(limit: Limit, today: date, all_of_them: Iterable[Outstanding]) -> int:
    """What of `all_of_them` counts under `limit` in its period that `today` is in, in nano-dollars."""
    days = [each for each in all_of_them if _is_in(limit, today, each.touched.day)]
    return sum(each.nano for each in days if governing([limit], each.touched))


def _is_in(limit: Limit, today: date, day: date) -> bool:
    return day == today if limit.period == "day" else (day.year, day.month) == (today.year, today.month)
