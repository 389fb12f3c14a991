"""The story of Cloud Scheduler's call: each feed is read, and its entries are asked about in one run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from penstock import log
from penstock.errors import FeedError
from penstock.feeds.asked import Feeds, fitting, run_of
from penstock.feeds.entries import items_of
from penstock.messages.strict_json import canonical
from penstock.services import Services

#: The bytes at an address. Raises FeedError.
Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(slots=True)
class Read:
    """What one call did."""

    asked: int = 0
    failed: int = 0


async def read_feeds(s: Services, feeds: Feeds, fetch: Fetch) -> Read:
    """One that cannot be read does not hold up the others; the next call tries it again.

    Raises PublishFailed.
    """
    read = Read()
    for number, url in enumerate(feeds.urls):
        try:
            items = items_of(await fetch(url))
        except FeedError as error:
            log.warning("feed.failed", str(error), feed=number)
            read.failed += 1
            continue
        await _ask(s, feeds, number, items)
        read.asked += 1
    return read


async def _ask(s: Services, feeds: Feeds, number: int, items: list[dict[str, str]]) -> None:
    taken = fitting(items)
    run = run_of(feeds, taken, s.clock.now())
    await s.bus.publish(s.topics.runs, canonical(run), {}, timeout_s=s.timing.publish_s)
    log.event(
        "feed.asked",
        f"{len(taken)} entries in {run['run_id']}.",
        feed=number,
        run_id=run["run_id"],
        tenant=feeds.tenant,
        entries=len(taken),
        left_out=len(items) - len(taken),
    )
