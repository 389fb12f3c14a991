"""Doubts: what was charged of calls that may have been paid, until their day's bill says whether they were.

A doubt lies in the batch that charges it: there is one for each such charge, and for no other. It names no
request, and its name begins with its day, so that a day's doubts are found without an index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from penstock.budgets.accounts import Touched
from penstock.messages.hold import OPEN, UNSURE, Hold
from penstock.paths import DOUBTS, allotment_path, doubt_path
from penstock.ports import Put, Snapshot, Version
from penstock.requests.record import Record
from penstock.services import Services

#: What a bill made of one: the call is on it, and stays charged; it is not, and what it was charged is back.
UPHELD, RELEASED = "upheld", "released"
#: How long one is kept from the call on: longer than bills are looked at, whose days nobody scales.
_KEPT: Final = timedelta(days=31)
#: Documents of one query.
_BATCH: Final = 300


@dataclass(frozen=True, slots=True)
class Doubt:
    """`nano` nano-dollars that `allotment` was charged for a call to `target` that began at `at`."""

    path: str
    target: str
    at: datetime
    nano: int
    allotment: str
    outcome: str
    version: Version | None


def doubted(record: Record) -> list[Put]:
    """The documents of what `record`, whose holds are decided, is charged for calls that may have been
    paid."""
    return [
        Put(_path(record, hold, hold.at, number), _fields(hold, hold.at))
        for number, hold in enumerate(record.holds or ())
        if hold.outcome == UNSURE and hold.target and hold.at is not None
    ]


def _path(record: Record, hold: Hold, at: datetime, number: int) -> str:
    call = (hold.allotment, at.isoformat(), str(number))
    return doubt_path(_day(at), record.tenant, record.request_id, *call)


def _fields(hold: Hold, at: datetime) -> Mapping[str, Any]:
    return {
        "target": hold.target,
        "at": at,
        "nano": hold.nano,
        "allotment": hold.allotment,
        "outcome": OPEN,
        "expires_at": at + _KEPT,
    }


async def doubts(s: Services, first: date, last: date) -> list[Doubt]:
    """Those of the days from `first` to `last`, both included (UTC). Raises StoreError."""
    found: list[Doubt] = []
    after, end = str(first), f"{last + timedelta(days=1)}"
    while True:
        page = await s.store.scan(DOUBTS, after=after, limit=_BATCH, timeout_s=s.timing.read_s)
        names = [each.path.rpartition("/")[2] for each in page]
        found += [_decoded(each) for each, name in zip(page, names, strict=True) if name < end]
        if len(page) < _BATCH or names[-1] >= end:
            return found
        after = names[-1]


def _decoded(found: Snapshot) -> Doubt:
    fields = found.fields or {}
    return Doubt(
        found.path, fields["target"], fields["at"], fields["nano"], fields["allotment"], fields["outcome"],
        found.version,
    )  # fmt: skip


async def undecided(s: Services, first: date, last: date) -> list[tuple[Touched, int]]:
    """What is charged for calls of these days that no bill has decided about: on what, and how much.

    Raises StoreError.
    """
    unsure = [doubt for doubt in await doubts(s, first, last) if doubt.outcome == OPEN]
    drawn = await allotments(s, {doubt.allotment for doubt in unsure})
    return [
        (Touched.decode(drawn[doubt.allotment].fields or {}), doubt.nano)
        for doubt in unsure
        if doubt.allotment in drawn
    ]


async def allotments(s: Services, names: Iterable[str]) -> dict[str, Snapshot]:
    """Those of `names` that are still there. Raises StoreError."""
    paths = sorted(map(allotment_path, names))
    parts = [paths[n : n + _BATCH] for n in range(0, len(paths), _BATCH)]
    read = await asyncio.gather(*(s.store.read(part, timeout_s=s.timing.read_s) for part in parts))
    return {each.path.rpartition("/")[2]: each for found in read for each in found if each.fields is not None}


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"
