"""`penstock plan --trace`: what the rule would have made of recorded traffic. Nothing is published."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import BadMessage
from penstock.targets.routes import Routes
from penstock_ops.asking.publish_options import Options
from penstock_ops.planning.planned import Planner
from penstock_ops.planning.replayed import Replay, sums
from penstock_ops.planning.speeds import speeds_of
from penstock_ops.planning.tables import dollars_of, new_table
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.routes_named import routes_named
from penstock_ops.terminal.system import open_system
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.trace import Trace, read_trace


def replay(trace: Path, options: Options, routes: Path | None, seed: int, *, as_json: bool) -> int:
    """The exit code. Raises Misuse."""
    if options.deadline is not None:
        raise Misuse("--trace is of another day: say --max-wait instead of --deadline.")
    try:
        read = read_trace(trace)
    except TuneFault as fault:
        raise Misuse(f"{fault}.") from None
    return asyncio.run(_replay(read, options, routes_named(routes), seed, as_json=as_json))


async def _replay(trace: Trace, options: Options, routes: Routes, seed: int, *, as_json: bool) -> int:
    max_wait_s = seconds(options.max_wait) if options.max_wait else None
    async with open_system() as system:
        say(f"penstock plan ← {system.name}, {len(trace.rows):,} rows of {trace.name}")
        s = system.services
        speeds = dict(await speeds_of(s, routes))
        planner = Planner(routes, lambda target: speeds[target.name], s.prices, s.timing)
        try:
            went = Replay(planner, speeds, max_wait_s, seed).run(trace.rows, options.model, s.clock.now())
        except BadMessage as error:
            raise Misuse(str(error)) from None
    told = list(sums(went))
    if as_json:
        print_json(told)
    else:
        _show(told)
    return 0


def _show(told: list[Mapping[str, Any]]) -> None:
    table = new_table("target", "lane", "requests", "foretold", "drawn", "misses", "drawn", "p50", "p95")
    for one in told:
        table.add_row(
            one["target"], one["lane"], f"{one['requests']:,} ({one['share']:.0%})", dollars_of(one["usd"]),
            dollars_of(one["true_usd"]), f"{one['misses']:.2%}", f"{one['true_misses']:.2%}",
            f"{one['p50_s']:,.0f} s", f"{one['p95_s']:,.0f} s",
        )  # fmt: skip
    stdout().print(table)
