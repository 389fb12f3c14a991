"""What budgets have granted and got back in this period, for whoever looks on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from penstock.budgets.accounts import GRANTED, RETURNED, detail
from penstock.budgets.outstanding import counted_under, doubtful, outstanding
from penstock.money.limits import MONEY_PATH, TENANT, Limit, in_force
from penstock.paths import account_path
from penstock.services import Services


class Standing(NamedTuple):
    """A budget and its counters, in nano-dollars. `held`: what calls that are under way may cost, and what
    instances have drawn and not used; `unsure`: what was charged for calls that may have been paid, until
    their bill decides."""

    limit: Limit
    granted: int
    returned: int
    held: int = 0
    unsure: int = 0

    @property
    def used(self) -> int:
        """Spent, held or unsure."""
        return self.granted - self.returned

    @property
    def spent(self) -> int:
        """What requests were charged, and is no doubt."""
        return max(0, self.used - self.held - self.unsure)

    @property
    def left(self) -> int:
        return max(0, (self.limit.nano or 0) - self.used)


async def limits_of(s: Services, tenant: str | None) -> list[Limit]:
    """Every budget in force, or those that `tenant` is under; none where budgets are switched off."""
    [found] = await s.store.read([MONEY_PATH], timeout_s=s.timing.read_s)
    settings = tuple(Limit.decode(value) for value in (found.fields or {}).get("settings", ()))
    return [
        limit
        for limit in in_force(settings, found.fields)
        if tenant is None or not limit.scope.startswith(TENANT) or limit.scope == f"{TENANT}{tenant}"
    ]


async def standing(s: Services, limits: Sequence[Limit], today: date) -> list[Standing]:
    """By scope, period and model. Raises StoreError."""
    paths = sorted({account_path(limit.scope, f"{today:%Y-%m}") for limit in limits})
    found = await s.store.read(paths, timeout_s=s.timing.read_s) if paths else []
    accounts = {snapshot.path: snapshot.fields or {} for snapshot in found}
    open_now = await outstanding(s) if limits else []
    unsure = await doubtful(s, today) if limits else []
    rows = []
    for limit in sorted(limits, key=lambda limit: (limit.scope, limit.period, limit.model or "")):
        account = accounts[account_path(limit.scope, f"{today:%Y-%m}")]
        end = detail(limit.period, limit.model, today)
        granted, returned = (int(account.get(name + end, 0)) for name in (GRANTED, RETURNED))
        counted = (counted_under(limit, today, each) for each in (open_now, unsure))
        rows.append(Standing(limit, granted, returned, *counted))
    return rows
