"""`penstock tune verify`: is the recommended concurrency nearly the best there is?"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.options import one_clear_line
from penstock_ops.tune.results import Results, read_results
from penstock_ops.tune.sweep import Sweep, SweepOptions
from penstock_ops.tune.trace import Trace, read_trace

#: The recommendation holds when it yields at least this share of the best point.
WITHIN = 0.95
#: Every one of these is measured, whatever the recommendation says.
EXHAUSTIVE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


def verify(
    url: Annotated[str, typer.Option(help="The engine that was measured.")],
    measured: Annotated[Path, typer.Option(help="What `measure --out` wrote.")],
    trace: Annotated[Path, typer.Option(help="The trace whose other part was used to measure.")],
    stretch: Annotated[str, typer.Option(help="Part that was not used to measure, in percent.")] = "50-100",
    scale: Annotated[float, typer.Option(help="As in the measurement.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measure every point so often, in turn.")] = 2,
    runoff: Annotated[int, typer.Option(min=1, help="Measure best and ours so often again.")] = 5,
    requests: Annotated[int, typer.Option(min=12)] = 48,
    stage_seconds: Annotated[float, typer.Option(min=1)] = 60,
    concurrency: Annotated[list[int] | None, typer.Option(help="Sweep exactly these (repeatable).")] = None,
    out: Annotated[Path | None, typer.Option(help="Write what was found as JSON.")] = None,
) -> None:
    """Sweep every concurrency on a part of the trace that was not used for tuning, and compare.

    The best of many noisy points is partly luck, so it and the recommended one are then measured
    again in turn, and that is what counts. Exits 1 when the recommended concurrency yields less
    than 95 % of the best point.
    """
    with one_clear_line():
        tuned = read_results(measured)
        knee = tuned.knee
        if knee is None:
            raise TuneFault(f"{measured} has too few stages for a knee; let `measure` run further")
        recommended = knee.whole
        rows = read_trace(trace).stretch(stretch).scaled(scale)
        points = tuple(sorted({*(concurrency or EXHAUSTIVE), recommended}))
        found = asyncio.run(sweep_points(url, rows, points, rounds, requests, stage_seconds))
        best = max(found, key=lambda c: found[c])
        pair = {recommended: 1.0}
        if best != recommended:
            typer.echo(f"runoff between {recommended} (recommended) and {best} (best of the sweep)")
            ends = (recommended, best)
            pair = asyncio.run(sweep_points(url, rows, ends, runoff, requests, stage_seconds))
    share = pair[recommended] / pair[best]
    _show(found, recommended, best)
    typer.echo(
        f"recommended from {tuned.identity.get('trace')}: {recommended} in flight; on {rows.name} it yields "
        f"{share:.1%} of the best point ({best}), measured in turn; "
        f"in the sweep {found[recommended] / found[best]:.1%}"
    )
    if out is not None:
        document = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "trace": rows.name,
            "recommended": recommended,
            "best": best,
            "sweep": found,
            "runoff": pair,
            "share": share,
        }
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if share < WITHIN:
        typer.echo(f"error: the recommendation is not within {1 - WITHIN:.0%} of the best point", err=True)
        raise typer.Exit(1)


def _show(found: dict[int, float], recommended: int, best: int) -> None:
    for point, per_s in found.items():
        mark = " ← recommended" if point == recommended else ""
        mark += " ← best" if point == best else ""
        typer.echo(f"{point:>4} in flight: {per_s:7.2f} requests/s{mark}")


async def sweep_points(
    url: str, rows: Trace, points: tuple[int, ...], rounds: int, requests: int, stage_seconds: float
) -> dict[int, float]:
    """Mean requests per second of every point; every other round goes downwards, against drift."""
    totals = dict.fromkeys(points, 0.0)
    async with Endpoint(url) as endpoint:
        info = await endpoint.identify()
        fitting = rows.within(info.max_total_tokens)
        for number in range(rounds):
            order = points if number % 2 == 0 else points[::-1]
            options = SweepOptions(
                requests=requests,
                stage_limit_s=stage_seconds,
                seed=number + 1,
                open_loop=False,
                concurrencies=order,
            )
            async for stage in Sweep(endpoint, fitting, Results({}, {}), options).run():
                what = f"{stage.load:>4.0f} in flight: {stage.requests_per_s:7.2f} requests/s"
                typer.echo(f"round {number + 1}: {what}")
                totals[int(stage.load)] += stage.requests_per_s / rounds
    return totals
