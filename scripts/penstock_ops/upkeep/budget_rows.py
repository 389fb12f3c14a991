"""What is left of the budgets, as `penstock budget list` and `penstock spend` show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from rich.table import Table

from penstock.budgets.accounts import GRANTED, RETURNED, detail
from penstock.money.limits import MONEY_PATH, NANO, TENANT, Limit, in_force, usd
from penstock.paths import account_path
from penstock_ops.terminal.console import say, stdout
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System


async def budget_rows(system: System, tenant: str | None) -> list[dict[str, Any]]:
    """Every budget in force, or those that `tenant` is under; none where budgets are switched off."""
    services = system.services
    [found] = await services.store.read([MONEY_PATH], timeout_s=services.timing.read_s)
    settings = tuple(Limit.decode(value) for value in (found.fields or {}).get("settings", ()))
    limits = [
        limit
        for limit in in_force(settings, found.fields)
        if tenant is None or not limit.scope.startswith(TENANT) or limit.scope == f"{TENANT}{tenant}"
    ]
    return await rows_of(system, limits, datetime.now(UTC).date())


async def rows_of(system: System, limits: Sequence[Limit], today: date) -> list[dict[str, Any]]:
    services = system.services
    paths = sorted({account_path(limit.scope, f"{today:%Y-%m}") for limit in limits})
    found = await services.store.read(paths, timeout_s=services.timing.read_s) if paths else []
    accounts = {snapshot.path: snapshot.fields or {} for snapshot in found}
    rows = []
    for limit in sorted(limits, key=lambda limit: (limit.scope, limit.period, limit.model or "")):
        account = accounts[account_path(limit.scope, f"{today:%Y-%m}")]
        end = detail(limit.period, limit.model, today)
        used = int(account.get(GRANTED + end, 0)) - int(account.get(RETURNED + end, 0))
        left = max(0, (limit.nano or 0) - used)
        rows.append(told(limit) | {"used_usd": used / NANO, "left_usd": left / NANO})
    return rows


def told(limit: Limit) -> dict[str, Any]:
    """A budget, for a program."""
    return {
        "scope": limit.scope,
        "period": limit.period,
        "model": limit.model,
        "usd": (limit.nano or 0) / NANO,
        "on_exhausted": limit.on_exhausted,
    }


def print_budgets(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("scope", "per", "model", box=None)
    for name in ("budget", "spent or held", "left"):
        table.add_column(name, justify="right")
    table.add_column("when exhausted")
    for row in rows:
        money = (usd(round(row[name] * NANO)) for name in ("usd", "used_usd", "left_usd"))
        named = (shown(row["scope"]), row["period"], shown(row["model"] or "all"))
        table.add_row(*named, *money, row["on_exhausted"])
    stdout().print(table)
    say("spent or held: also what instances have drawn and not used; it comes back within minutes.")
