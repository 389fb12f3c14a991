"""What is left of the budgets, as `penstock budget list` and `penstock spend` show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from rich.table import Table

from penstock.budgets.standing import limits_of, standing
from penstock.money.limits import NANO, Limit, usd
from penstock_ops.terminal.console import say, stdout
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System


async def budget_rows(system: System, tenant: str | None) -> list[dict[str, Any]]:
    """Every budget in force, or those that `tenant` is under; none where budgets are switched off."""
    limits = await limits_of(system.services, tenant)
    return await rows_of(system, limits, datetime.now(UTC).date())


async def rows_of(system: System, limits: Sequence[Limit], today: date) -> list[dict[str, Any]]:
    return [
        told(one.limit)
        | {
            f"{name}_usd": getattr(one, name) / NANO
            for name in ("used", "spent", "unsure", "held", "returned", "left")
        }
        for one in await standing(system.services, limits, today)
    ]


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
    for name in ("budget", "spent", "unsure", "held", "left"):
        table.add_column(name, justify="right")
    table.add_column("when exhausted")
    for row in rows:
        money = (usd(round(row[f"{name}usd"] * NANO)) for name in ("", "spent_", "unsure_", "held_", "left_"))
        named = (shown(row["scope"]), row["period"], shown(row["model"] or "all"))
        table.add_row(*named, *money, row["on_exhausted"])
    stdout().print(table)
    if any(row["unsure_usd"] for row in rows):
        say(
            "unsure: charged for calls that may have been paid, until `penstock reconcile` finds them on the "
            "bill of their day, or not."
        )
    say("held: for calls under way, and drawn by instances; what is not used comes back within minutes.")
