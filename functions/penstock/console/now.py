"""Now: what is open, what a sample of it waits for, and whether an operator paused."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from penstock.console.asked import Asked
from penstock.console.pace import hours_of, pace
from penstock.console.page import Page, drawn
from penstock.console.rows import row
from penstock.errors import BadMessage
from penstock.paths import REQUESTS, SHARDS, time_of
from penstock.pause import PAUSE_PATH
from penstock.requests.record import Record
from penstock.services import Services

#: Requests of one look, beside a count, the pause and two hours: an open page looks each five seconds.
SAMPLE: Final = 7
_ALL: Final = ("00:", f"{SHARDS:02d}:")


async def now(s: Services, asked: Asked) -> Page:
    return drawn("now.html", asked=asked, **await _told(s))


async def open_work(s: Services, asked: Asked) -> Page:
    """The part of the page that is looked at again and again."""
    return drawn("open.html", **await _told(s))


async def _told(s: Services) -> dict[str, Any]:
    limit = s.timing.read_s
    count = await s.store.count(REQUESTS, "open_since", *_ALL, timeout_s=limit)
    at = s.clock.now()
    pause, *hours = await s.store.read([PAUSE_PATH, *hours_of(at)], timeout_s=limit)
    records = await _sample(s) if count else []
    sinces = [time_of(record.open_since) for record in records if record.open_since]
    return {
        "count": count,
        "pace": pace(s, at, {hour.path: hour.fields for hour in hours if hour.fields is not None}),
        "paused": pause.exists,
        "rows": [row(record) for record in records],
        "states": Counter(record.state.value for record in records).most_common(),
        "whole": count <= len(records),
        "oldest": min(sinces, default=None),
        "at": at,
    }


async def _sample(s: Services) -> list[Record]:
    """Some of what is open: from a shard that changes with the minute, and round from there."""
    start = f"{s.clock.now().minute % SHARDS:02d}:"
    found = await s.store.find(
        REQUESTS, "open_since", start, _ALL[1], limit=SAMPLE, timeout_s=s.timing.read_s
    )
    if len(found) < SAMPLE and start != _ALL[0]:
        more = SAMPLE - len(found)
        found += await s.store.find(
            REQUESTS, "open_since", _ALL[0], start, limit=more, timeout_s=s.timing.read_s
        )
    records = []
    for snapshot in found:
        try:
            records.append(Record.decode(snapshot.fields or {}))
        except BadMessage:
            continue  # of another version: the sweeper reports it
    return records
