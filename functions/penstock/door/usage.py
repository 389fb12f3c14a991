"""`GET /v1/usage`: what the caller's tenant has used of late, and what is left of its budgets."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.budgets.standing import Standing, limits_of, standing
from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.reply import Reply, said
from penstock.door.seam import Door
from penstock.door.wrong import Wrong
from penstock.money.limits import NANO, TENANT
from penstock.requests.booked import booked
from penstock.services import Services

#: Days of UTC that are added up, today among them.
_DAYS: Final = 31
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
    async for found in booked(s, caller.tenant, since):
        sums.update({name: value for name, value in (found.fields or {}).items() if isinstance(value, int)})
    told = {
        "object": "usage",
        "tenant": caller.tenant,
        "since": since.isoformat(),
        **{name: sums[name] for name in _COUNTED},
        "spent_usd": sums["cost_nano_usd"] / NANO,
        "saved_usd": sums["saved_nano_usd"] / NANO,
        "budgets": await _budgets(s, caller.tenant, now),
    }
    return said(told)


async def _budgets(s: Services, tenant: str, now: datetime) -> list[dict[str, Any]]:
    """Those of the tenant alone: what others share is nobody's to see."""
    mine = [limit for limit in await limits_of(s, tenant) if limit.scope == f"{TENANT}{tenant}"]
    return [_told(one, now) for one in await standing(s, mine, now.date())]


def _told(one: Standing, now: datetime) -> dict[str, Any]:
    """`used_usd`: spent or held; what is drawn and not used comes back within minutes."""
    return {
        "period": one.limit.period,
        "model": one.limit.model,
        "limit_usd": (one.limit.nano or 0) / NANO,
        "used_usd": one.used / NANO,
        "left_usd": one.left / NANO,
        "ends_at": int(one.limit.ends(now).timestamp()),
    }
