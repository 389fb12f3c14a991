"""Plans as they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from penstock_ops.planning.planned import Weighed


def of_one(rows: Sequence[Weighed]) -> Table:
    """Every target of one request, and which it is."""
    table = new_table("", "target", "lane", "model", "expected", "at once", "in time", "why")
    for row in rows:
        mark = "→" if row.chosen else ""
        table.add_row(
            mark, row.target, row.lane, row.model, dollars_of(row.usd), dollars_of(row.list_usd),
            f"{row.p_in_time:.1%}", row.why,
        )  # fmt: skip
    return table


def of_many(sums: Sequence[Mapping[str, Any]]) -> Table:
    """What requests come to, target by target (`by_target`)."""
    whole = sum(one["requests"] for one in sums)
    table = new_table("target", "lane", "requests", "expected", "at once", "in time, at least")
    for one in sums:
        share = f"{one['requests']:,} ({one['requests'] / whole:.0%})"
        table.add_row(
            one["target"], one["lane"], share, dollars_of(one["usd"]), dollars_of(one["list_usd"]),
            f"{one['p_in_time']:.1%}",
        )  # fmt: skip
    return table


def new_table(*names: str) -> Table:
    """A table without lines, with these columns."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name)
    return table


def dollars_of(value: float | None) -> str:
    """A cost, as plans say it."""
    return "no price" if value is None else f"${value:,.6f}"
