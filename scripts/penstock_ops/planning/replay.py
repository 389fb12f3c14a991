"""`penstock plan --trace`: what the rule would have made of recorded traffic. Nothing is published."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.lanes.priors import Prior
from penstock.targets.routes import Routes
from penstock_ops.asking.publish_options import Options
from penstock_ops.planning.planned import Planner
from penstock_ops.planning.replayed import NEAR_MISSES, NEAR_USD, Replay, apart, sums
from penstock_ops.planning.speeds import speeds_of
from penstock_ops.planning.tables import dollars_of, new_table
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.routes_named import routes_named
from penstock_ops.terminal.system import open_system
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.trace import Trace, read_trace

_TAKES: Final = re.compile(r"([^=]+)=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)")


def replay(
    trace: Path, options: Options, routes: Path | None, seed: int, takes: Sequence[str] = (), *, as_json: bool
) -> int:
    """The exit code: 1 where what was foretold is not near to what was drawn. Raises Misuse."""
    if options.deadline is not None:
        raise Misuse("--trace is of another day: say --max-wait instead of --deadline.")
    try:
        read = read_trace(trace)
    except TuneFault as fault:
        raise Misuse(f"{fault}.") from None
    named = routes_named(routes)
    truth = dict(_taken(text, named) for text in takes)
    return asyncio.run(_replay(read, options, named, seed, truth, as_json=as_json))


def _taken(text: str, routes: Routes) -> tuple[str, Prior]:
    """NAME=MEDIAN,P95. Raises Misuse."""
    found = _TAKES.fullmatch(text)
    if found is None:
        raise Misuse(f"--takes {text!r} must be NAME=MEDIAN,P95 in seconds, such as lazy=1800,7200.")
    name, median_s, p95_s = found[1], float(found[2]), float(found[3])
    if name not in routes.targets:
        raise Misuse(f"--takes names {name!r}, and no route has such a target.")
    if not 0 < median_s < p95_s:
        raise Misuse(f"--takes {text!r}: half must take more than nothing, and 95 of 100 longer than half.")
    return name, Prior(median_s, p95_s)


async def _replay(
    trace: Trace, options: Options, routes: Routes, seed: int, truth: Mapping[str, Prior], *, as_json: bool
) -> int:
    max_wait_s = seconds(options.max_wait) if options.max_wait else None
    async with open_system() as system:
        say(f"penstock plan ← {system.name}, {len(trace.rows):,} rows of {trace.name}")
        s = system.services
        speeds = dict(await speeds_of(s, routes))
        planner = Planner(routes, lambda target: speeds[target.name], s.prices, s.timing)
        try:
            replayed = Replay(planner, speeds, max_wait_s, seed, truth)
            went = replayed.run(trace.rows, options.model, s.clock.now())
        except BadMessage as error:
            raise Misuse(str(error)) from None
    told, (usd, misses) = list(sums(went)), apart(went)
    if as_json:
        print_json(told)
    else:
        _show(told)
        say(f"Foretold beside drawn: {usd:+.1%} of the dollars, {100 * misses:+.2f} points of misses.")
    return 0 if abs(usd) <= NEAR_USD and abs(misses) <= NEAR_MISSES else 1


def _show(told: list[Mapping[str, Any]]) -> None:
    table = new_table("target", "lane", "requests", "foretold", "drawn", "misses", "drawn", "p50", "p95")
    for one in told:
        table.add_row(
            one["target"], one["lane"], f"{one['requests']:,} ({one['share']:.0%})", dollars_of(one["usd"]),
            dollars_of(one["true_usd"]), f"{one['misses']:.2%}", f"{one['true_misses']:.2%}",
            f"{one['p50_s']:,.0f} s", f"{one['p95_s']:,.0f} s",
        )  # fmt: skip
    stdout().print(table)
