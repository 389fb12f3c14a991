"""Money: what a tenant's days cost, and what the cache saved, from its usage documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, Final

from penstock.console.asked import Asked
from penstock.console.page import Page, drawn
from penstock.paths import USAGE
from penstock.ports import Snapshot
from penstock.services import Services

DAYS: Final = 31
_NANO: Final = 1_000_000_000
#: Documents of one query.
_BATCH: Final = 300


async def money(s: Services, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    tenant = asked.tenant()
    first = f"{s.clock.now() - timedelta(days=DAYS):%Y-%m-%d}~"
    days: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    async for snapshot in _since(s, tenant, first):
        day = snapshot.path.rpartition("/")[2][:10]
        _add(days[day], snapshot.fields or {})
    lines = [(day, _line(days[day])) for day in sorted(days, reverse=True)]
    total: dict[str, int] = defaultdict(int)
    for counts in days.values():
        _add(total, counts)
    return drawn("money.html", asked=asked, tenant=tenant, days=lines, total=_line(total), limit=DAYS)


async def _since(s: Services, tenant: str, after: str) -> AsyncIterator[Snapshot]:
    """All of a tenant's usage documents whose name comes after `after`: a day has one for each shard of each
    model, lane and tier."""
    while True:
        found = await s.store.scan(
            f"tenants/{tenant}/{USAGE}", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for snapshot in found:
            yield snapshot
        if len(found) < _BATCH:
            return
        after = found[-1].path.rpartition("/")[2]


def _add(counts: dict[str, int], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, int):
            counts[name] += value


def _line(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "requests": counts.get("requests", 0),
        "completed": counts.get("status_completed", 0),
        "failed": counts.get("status_failed", 0),
        "hits": counts.get("cache_hit", 0) + counts.get("cache_coalesced", 0),
        "tokens": counts.get("prompt_tokens", 0) + counts.get("completion_tokens", 0),
        "usd": counts.get("cost_nano_usd", 0) / _NANO,
        "saved": counts.get("saved_nano_usd", 0) / _NANO,
        "unknown": counts.get("cost_unknown", 0),
    }
