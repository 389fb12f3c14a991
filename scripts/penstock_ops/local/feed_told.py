"""What a feed's run made, and what it cost, by lane and cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from penstock.paths import request_path
from penstock.requests.record import Record
from penstock.runs.kept import Part, all_rows, manifest_of
from penstock.runs.record import Closed, Run
from penstock.runs.rows import Row
from penstock.services import Services
from penstock_ops.terminal.console import dollars, stdout


@dataclass(slots=True)
class Paid:
    """Answers of one kind. `unknown` of them have no known price."""

    answers: int = 0
    usd: float = 0.0
    unknown: int = 0


async def tell(s: Services, run: Run) -> None:
    """Titles, links and summaries; the digest; the bill."""
    by_step = {closed.step: await _rows(s, closed) for closed in run.closed}
    out = stdout()
    for row in by_step.get(0, []):
        out.print(f"\n[bold]{_said(row, 'title')}[/bold]  [dim]{_said(row, 'link')}[/dim]", soft_wrap=True)
        out.print(row.error["message"] if row.error else _said(row, "summary"), markup=False)
    for row in by_step.get(1, []):
        out.print(f"\n[bold]Digest of {row.item.get('count', 0)}[/bold]")
        out.print(row.error["message"] if row.error else _said(row, "text"), markup=False)
    out.print()
    out.print(_bill(await _results(s, run, [row for rows in by_step.values() for row in rows])))


async def _rows(s: Services, closed: Closed) -> list[Row]:
    parts: list[Part] = [part for entry in await manifest_of(s, closed.manifest) for part in entry.parts]
    return [row async for row in all_rows(s, parts)]


def _said(row: Row, field: str) -> str:
    return str(row.item.get(field, "")).replace("[", "\\[")


async def _results(s: Services, run: Run, rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    """What the requests say of themselves that gave the rows."""
    paths = [request_path(run.tenant, row.member) for row in rows if row.member]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    records = [Record.decode(one.fields) for one in found if one.fields is not None]
    return [record.result for record in records if record.result is not None]


def _bill(results: Sequence[Mapping[str, Any]]) -> Table:
    """A line for each lane and word of the cache: `hit` and `coalesced` were paid by others, or before."""
    paid: dict[tuple[str, str], Paid] = defaultdict(Paid)
    for result in results:
        cost = result["cost"]
        lane = str((cost.get("breakdown") or {}).get("lane", "–"))
        line = paid[lane, str(result["cache"])]
        line.answers += 1
        line.usd += cost["usd"] or 0.0
        line.unknown += cost["usd"] is None
    table = Table(box=None, padding=(0, 3, 0, 0))
    for name in ("lane", "cache", "answers", "paid"):
        table.add_column(name, justify="right" if name in ("answers", "paid") else "left")
    for (lane, cache), line in sorted(paid.items()):
        table.add_row(lane, cache, str(line.answers), dollars(line.usd) + (" +?" if line.unknown else ""))
    table.add_row("", "", str(len(results)), dollars(sum(line.usd for line in paid.values())))
    return table
