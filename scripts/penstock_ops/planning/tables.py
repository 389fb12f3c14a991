"""Plans as they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from penstock_ops.planning.planned import Weighed


def of_one(rows: Sequence[Weighed]) -> Table:
    """Every target of one request, and which it is."""
    table = _table("", "target", "lane", "model", "expected", "at once", "in time", "why")
    for row in rows:
        mark = "→" if row.chosen else ""
        table.add_row(
            mark, row.target, row.lane, row.model, _usd(row.usd), _usd(row.list_usd), f"{row.p_in_time:.1%}",
            row.why,
        )  # fmt: skip
    return table


def of_many(sums: Sequence[Mapping[str, Any]]) -> Table:
    """What requests come to, target by target (`by_target`)."""
    whole = sum(one["requests"] for one in sums)
    table = _table("target", "lane", "requests", "expected", "at once", "in time, at least")
    for one in sums:
        share = f"{one['requests']:,} ({one['requests'] / whole:.0%})"
        table.add_row(
            one["target"], one["lane"], share, _usd(one["usd"]), _usd(one["list_usd"]),
            f"{one['p_in_time']:.1%}",
        )  # fmt: skip
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name)
    return table


def _usd(value: float | None) -> str:
    return "no price" if value is None else f"${value:,.6f}"
