"""Money: what a tenant's days cost, by whom it was answered and by which lane, what caches and lanes saved;
the budgets that it is under; and what bills were found to be."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from penstock.bills.dollars import told
from penstock.bills.report import Report
from penstock.budgets.standing import limits_of, standing
from penstock.console.asked import Asked
from penstock.console.page import Page, Wrong, drawn
from penstock.paths import BILLS, bill_path
from penstock.requests.booked import booked
from penstock.services import Services

DAYS: Final = 31
_NANO: Final = 1_000_000_000
_BILL: Final = re.compile(r"\d{4}-\d\d-\d\d~[A-Za-z0-9._-]{1,128}")
#: Documents of one query.
_BATCH: Final = 300


async def money(s: Services, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    tenant = asked.tenant()
    today = s.clock.now().date()
    days: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    accounts: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    async for snapshot in booked(s, tenant, today - timedelta(days=DAYS - 1)):
        fields = snapshot.fields or {}
        _add(days[snapshot.path.rpartition("/")[2][:10]], fields)
        _add(accounts[tuple(str(fields.get(name) or "") for name in ("model", "target", "lane"))], fields)
    lines = [(day, _line(days[day])) for day in sorted(days, reverse=True)]
    total: dict[str, int] = defaultdict(int)
    for counts in days.values():
        _add(total, counts)
    by_account = [(*account, _line(accounts[account])) for account in sorted(accounts)]
    return drawn(
        "money.html",
        asked=asked,
        tenant=tenant,
        days=lines,
        accounts=by_account,
        total=_line(total),
        limit=DAYS,
        budgets=await standing(s, await limits_of(s, tenant), today),
        bills=await _bills(s),
    )


async def bill(s: Services, asked: Asked, name: str) -> Page:
    """One day of one account. Raises Wrong, StoreError."""
    if not _BILL.fullmatch(name):
        raise Wrong(400, "A bill is named by its day and its account, such as 2026-11-21~openai.")
    [found] = await s.store.read([bill_path(name)], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise Wrong(404, f"No bill was compared under the name {name}.")
    report = Report.decode(found.fields)
    lines = [(told(line.variant), line.ours, line.theirs) for line in report.lines]
    return drawn("bill.html", asked=asked, report=report, lines=lines)


async def _bills(s: Services) -> list[Report]:
    """Those of the last days, the newest day first."""
    after = f"{s.clock.now() - timedelta(days=DAYS):%Y-%m-%d}"
    found = await s.store.scan(BILLS, after=after, limit=_BATCH, timeout_s=s.timing.read_s)
    return [Report.decode(one.fields or {}) for one in reversed(found)]


def _add(counts: dict[str, int], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, int):
            counts[name] += value


def _line(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "requests": counts.get("requests", 0),
        "completed": counts.get("status_completed", 0),
        "failed": counts.get("status_failed", 0),
        "hits": sum(counts.get(name, 0) for name in ("cache_hit", "cache_coalesced", "cache_similar")),
        "tokens": counts.get("prompt_tokens", 0) + counts.get("completion_tokens", 0),
        "usd": counts.get("cost_nano_usd", 0) / _NANO,
        "saved": counts.get("saved_nano_usd", 0) / _NANO,
        "lane_saved": counts.get("lane_saved_nano_usd", 0) / _NANO,
        "perhaps": counts.get("perhaps_paid", 0),
        "unknown": counts.get("cost_unknown", 0),
    }
