"""What is asked about a feed: the run's message, made of its entries and the day alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from penstock.messages.strict_json import canonical
from penstock.runs.message import INLINE_ITEMS
from penstock.runs.rows import LINE_LIMIT

#: Bytes of entries in one message: Pub/Sub takes 10 MB with all else.
_BYTES: Final = 8_000_000
#: It may wait for a day: a route that says `cheapest` may take a lane that is slow and cheap.
MAX_WAIT_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Feeds:
    """Whose feeds are read, by which deployed pipeline."""

    urls: tuple[str, ...]
    tenant: str
    pipeline: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> Feeds:
        """PENSTOCK_FEEDS, which the settings have checked."""
        said = json.loads(text)
        return cls(tuple(said["urls"]), said.get("tenant", "default"), said["pipeline"])


def fitting(items: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Those that a run takes with its message, the feed's order kept: the newest come first in it."""
    taken: list[Mapping[str, str]] = []
    size = 0
    for item in items:
        line = len(canonical(item))
        if line <= LINE_LIMIT and size + line <= _BYTES and len(taken) < INLINE_ITEMS:
            taken.append(item)
            size += line
    return taken


def run_of(feeds: Feeds, items: Sequence[Mapping[str, str]], now: datetime) -> dict[str, Any]:
    """The message. The same entries on the same day are the same run; other ones another run, in which only
    what is new is paid."""
    digest = hashlib.sha256(canonical(list(items))).hexdigest()[:8]
    return {
        "run_id": f"feed-{now:%Y%m%d}-{digest}",
        "tenant": feeds.tenant,
        "pipeline": dict(feeds.pipeline),
        "items": list(items),
        "max_wait_s": MAX_WAIT_S,
    }
