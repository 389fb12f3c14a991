"""`GET /v1/usage`: what the caller's tenant has used of late, and what is left of its budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from penstock.budgets.accounts import rest
from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.reply import Reply, said
from penstock.door.seam import Door
from penstock.door.wrong import Wrong
from penstock.money.limits import MONEY_PATH, NANO, TENANT, Limit, in_force
from penstock.paths import USAGE, account_path
from penstock.ports import Fields
from penstock.services import Services

#: Days of UTC that are added up, today among them.
_DAYS: Final = 31
#: Documents of one query.
_BATCH: Final = 300
_COUNTED: Final = (
    *("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"),
    *("cost_unknown", "perhaps_paid"),
)


async def usage(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Raises Wrong, StoreError."""
    days = asked.number("days", _DAYS, _DAYS, asked.parameters("days"))
    if not days:
        raise Wrong(400, f"`days` must be a whole number from 1 to {_DAYS}.", param="days")
    now = s.clock.now()
    since = now.date() - timedelta(days=days - 1)
    sums: Counter[str] = Counter()
    async for fields in _documents(s, caller.tenant, since):
        sums.update({name: value for name, value in fields.items() if isinstance(value, int)})
    told = {
        "object": "usage",
        "tenant": caller.tenant,
        "since": since.isoformat(),
        **{name: sums[name] for name in _COUNTED},
        "spent_usd": sums["cost_nano_usd"] / NANO,
        "saved_usd": sums["saved_nano_usd"] / NANO,
        "budgets": await _budgets(s, caller.tenant, now),
    }
    return said(told, {"cache-control": "no-store"})


async def _documents(s: Services, tenant: str, since: date) -> AsyncIterator[Fields]:
    """The tenant's usage from the day `since` on: their names begin with the day."""
    collection, after = f"tenants/{tenant}/{USAGE}", since.isoformat()
    while True:
        page = await s.store.scan(collection, after=after, limit=_BATCH, timeout_s=s.timing.read_s)
        for found in page:
            yield found.fields or {}
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]


async def _budgets(s: Services, tenant: str, now: datetime) -> list[dict[str, Any]]:
    """Those of the tenant alone: what others share is nobody's to see."""
    account = account_path(f"{TENANT}{tenant}", f"{now:%Y-%m}")
    money, found = await s.store.read([MONEY_PATH, account], timeout_s=s.timing.read_s)
    set_there = (money.fields or {}).get("settings", ())
    limits = in_force(map(Limit.decode, set_there), money.fields)
    mine = [limit for limit in limits if limit.scope == f"{TENANT}{tenant}"]
    return [_told(limit, now, found.fields or {}) for limit in mine]


def _told(limit: Limit, now: datetime, account: Mapping[str, Any]) -> dict[str, Any]:
    """`used_usd`: spent or held; what is drawn and not used comes back within minutes."""
    nano = limit.nano or 0
    left = rest(limit, now.date(), account)
    return {
        "period": limit.period,
        "model": limit.model,
        "limit_usd": nano / NANO,
        "used_usd": (nano - left) / NANO,
        "left_usd": max(0, left) / NANO,
        "ends_at": int(limit.ends(now).timestamp()),
    }
