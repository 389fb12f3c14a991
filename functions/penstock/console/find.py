"""Find: one request by its id, or a tenant's requests by what they are; a link holds the filter.

A tenant's documents are read in the order of their ids, a page at a time: that needs no index. What does not
match was read all the same, which the page says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from penstock.console.asked import Asked, checked
from penstock.console.page import Page, Wrong, drawn
from penstock.console.rows import Row, row
from penstock.errors import BadMessage, Reason
from penstock.paths import REQUESTS, request_path
from penstock.requests.record import Record
from penstock.services import Services

#: What a request may be found by beside choices: words, and the time of its publish in UTC.
_WORDS: Final = ("target", "lane", "run")
_TIMES: Final = ("since", "until")
#: Documents that one page reads.
PAGE: Final = 100
STATES: Final = ("leased", "parked", "following", "completed", "failed")
CACHES: Final = ("hit", "miss", "coalesced", "off", "similar")
_CHOICES: Final = {"state": STATES, "reason": tuple(reason.value for reason in Reason), "cache": CACHES}


async def find(s: Services, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    tenant, filters = asked.tenant(), _filters(asked.query)
    request_id = asked.query.get("id", "")
    if request_id:
        return await _one(s, asked, tenant, checked("id", request_id))
    after = asked.query.get("after", "")
    if after:
        checked("place to go on from", after)
    found = await s.store.scan(
        f"tenants/{tenant}/{REQUESTS}", after=after, limit=PAGE, timeout_s=s.timing.read_s
    )
    rows = []
    for snapshot in found:
        try:
            one = row(Record.decode(snapshot.fields or {}))
        except BadMessage:
            continue
        if _matches(one, filters):
            rows.append(one)
    more = found[-1].path.rpartition("/")[2] if len(found) == PAGE else ""
    link = urlencode({"tenant": tenant, **filters, "after": more}) if more else ""
    return drawn(
        "find.html",
        asked=asked,
        tenant=tenant,
        filters=filters,
        choices=_CHOICES,
        rows=rows,
        looked=len(found),
        more=link,
    )


async def _one(s: Services, asked: Asked, tenant: str, request_id: str) -> Page:
    [found] = await s.store.read([request_path(tenant, request_id)], timeout_s=s.timing.read_s)
    if not found.exists:
        raise Wrong(404, f"Tenant {tenant} has no request {request_id}.")
    try:
        rows = [row(Record.decode(found.fields or {}))]
    except BadMessage as error:
        raise Wrong(404, str(error)) from None
    return drawn(
        "find.html", asked=asked, tenant=tenant, filters={}, choices=_CHOICES, rows=rows, looked=1, more=""
    )


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    filters = {name: query[name] for name in (*_CHOICES, *_WORDS, *_TIMES) if query.get(name)}
    for name, value in filters.items():
        if name in _CHOICES and value not in _CHOICES[name]:
            raise Wrong(400, f"There is no {name} of that name: choose one of {', '.join(_CHOICES[name])}.")
        if name in _TIMES:
            _time(name, value)
    return filters


def _matches(one: Row, filters: Mapping[str, str]) -> bool:
    said = {name: getattr(one, name) for name in ("state", "cache", *_WORDS)} | {"reason": one.why}
    since, until = (_time(name, filters[name]) if name in filters else None for name in _TIMES)
    return (
        all(said[name] == value for name, value in filters.items() if name not in _TIMES)
        and (since is None or one.published_at >= since)
        and (until is None or one.published_at < until)
    )


def _time(name: str, text: str) -> datetime:
    """A time in UTC, as a browser's own field writes it. Raises Wrong."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Wrong(400, f"{name} must be a time in UTC such as 2030-01-31T12:00.") from None
