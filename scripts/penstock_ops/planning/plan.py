"""`penstock plan`: what requests would cost in each lane, and which one they would go by."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from penstock.errors import BadMessage
from penstock.lanes.histogram import Histogram
from penstock.lanes.speed import Speed
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request
from penstock.paths import speed_path
from penstock.services import Services
from penstock.targets.routes import Routes, parse_routes
from penstock_ops.asking.publish_options import Options, fill
from penstock_ops.asking.spool import Spool
from penstock_ops.planning.planned import Planner, Weighed, by_target
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import open_system


def plan(
    prompts: Sequence[str], files: Sequence[Path], options: Options, routes: Path | None, *, as_json: bool
) -> int:
    """The exit code. Raises Misuse."""
    with Spool() as messages:
        fill(messages, prompts, files, options)
        return asyncio.run(_plan(messages, read_routes(routes), as_json=as_json))


def read_routes(path: Path | None) -> Routes:
    """Raises Misuse."""
    named = str(path) if path is not None else os.environ.get("PENSTOCK_ROUTES", "")
    if not named:
        raise Misuse("Which routes? --routes FILE names the deployment's; so does PENSTOCK_ROUTES.")
    try:
        text = named if named.lstrip().startswith("{") else Path(named).read_text(encoding="utf-8")
        return parse_routes(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Misuse(f"The routes cannot be read: {why}") from None


async def _plan(messages: Spool, routes: Routes, *, as_json: bool) -> int:
    async with open_system() as system:
        say(f"penstock plan ← {system.name}")
        s = system.services
        speeds, now = await known_speeds(s, routes), s.clock.now()
        planner = Planner(routes, lambda target: speeds[target.name], s.prices, s.timing)
        try:
            rows = [planner.weighed(_request(s, message.data), now) for message in messages]
        except BadMessage as error:
            raise Misuse(str(error)) from None
    if as_json:
        print_json([_told(one) for one in rows])
    elif len(rows) == 1:
        stdout().print(_of_one(rows[0]))
    else:
        stdout().print(_of_many(rows))
    return 0


async def known_speeds(s: Services, routes: Routes) -> dict[str, Speed]:
    """What the deployment has seen of each target; nothing: what is assumed before."""
    names = list(routes.targets)
    found = await s.store.read([speed_path(name) for name in names], timeout_s=s.timing.read_s)
    return {name: _speed(one.fields, s) for name, one in zip(names, found, strict=True)}


def _speed(fields: Mapping[str, Any] | None, s: Services) -> Speed:
    try:
        return Speed.decode(fields or {})
    except (KeyError, TypeError, ValueError, AttributeError):
        return Speed(Histogram(s.clock.now()))


def _request(s: Services, data: bytes) -> Request:
    """Raises BadMessage for what the functions would refuse."""
    envelope = Envelope(data, {}, "0", s.clock.now(), "")
    return decode_request(envelope, default_wait_s=s.timing.default_wait_s)


def _told(rows: Sequence[Weighed]) -> Mapping[str, Any]:
    [chosen] = [row for row in rows if row.chosen]
    return {"target": chosen.target, "lane": chosen.lane, "options": [asdict(row) for row in rows]}


def _of_one(rows: Sequence[Weighed]) -> Table:
    table = new_table("", "target", "lane", "model", "expected", "at once", "in time", "why")
    for row in rows:
        mark = "→" if row.chosen else ""
        table.add_row(
            mark, row.target, row.lane, row.model, dollars_of(row.usd), dollars_of(row.list_usd),
            f"{row.p_in_time:.1%}", row.why,
        )  # fmt: skip
    return table


def _of_many(rows: Sequence[Sequence[Weighed]]) -> Table:
    table = new_table("target", "lane", "requests", "expected", "at once", "in time, at least")
    for one in by_target(rows):
        share = f"{one['requests']:,} ({one['requests'] / len(rows):.0%})"
        table.add_row(
            one["target"], one["lane"], share, dollars_of(one["usd"]), dollars_of(one["list_usd"]),
            f"{one['p_in_time']:.1%}",
        )  # fmt: skip
    return table


def new_table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name)
    return table


def dollars_of(value: float | None) -> str:
    return "no price" if value is None else f"${value:,.6f}"
