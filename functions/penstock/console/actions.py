"""What was done by way of the console; and of one action, what became of the requests that it put back."""

from __future__ import annotations

from typing import Any, Final

from penstock.console import audit
from penstock.console.asked import Asked, checked, number
from penstock.console.page import Page, Wrong, drawn
from penstock.console.rows import row
from penstock.paths import request_path
from penstock.requests.stored import record_of
from penstock.services import Services

#: Actions of a page.
PAGE: Final = 100
#: Requests of one look, beside the action itself.
SAMPLE: Final = 9


async def actions(s: Services, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    after = asked.query.get("after", "")
    if after:
        checked("place to go on from", after)
    found = await audit.newest(s, after, PAGE)
    more = found[-1].name if len(found) == PAGE else ""
    return drawn("audit.html", asked=asked, actions=found, more=more)


async def action(s: Services, asked: Asked, name: str) -> Page:
    """Raises Wrong, StoreError."""
    return drawn("action.html", asked=asked, **await _told(s, asked, name))


async def action_now(s: Services, asked: Asked, name: str) -> Page:
    """The part of that page that is looked at again and again."""
    return drawn("action_now.html", **await _told(s, asked, name))


async def _told(s: Services, asked: Asked, name: str) -> dict[str, Any]:
    one = await audit.read(s, checked("action", name))
    if one is None:
        raise Wrong(404, "There is no such action.")
    start = number("from", asked.query.get("from") or "0", 0, 1_000_000)
    some = one.requests[start : start + SAMPLE]
    paths = [request_path(tenant, request_id) for tenant, request_id in some]
    found = await s.store.read(paths, timeout_s=s.timing.read_s) if paths else []
    records = [record for snapshot in found if snapshot.exists and (record := record_of(snapshot))]
    more = start + SAMPLE if start + SAMPLE < len(one.requests) else None
    return {
        "action": one, "rows": [row(record) for record in records], "start": start, "more": more,
        "at": s.clock.now(),
    }  # fmt: skip
