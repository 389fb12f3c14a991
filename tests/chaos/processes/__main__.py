"""`scripts/chaos run`: real processes on Google's emulators, killed, paused and cut off; then checked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from penstock_ops.terminal.progress import progress
from tests.chaos.processes.indexed import Indexed, said, started
from tests.chaos.processes.lanes.live import live_lanes
from tests.chaos.processes.live import Outcome, Shape, live

#: Publishing and blows are spread so that a killed function is up again before most of the next ones.
_REQUESTS_PER_S, _KILLS_PER_S = 8.0, 0.5


def _main(
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    requests: Annotated[int, typer.Option(min=1, help="Requests of each seed.")] = 200,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of each seed.")] = 10,
    pauses: Annotated[int | None, typer.Option(min=0, help="SIGSTOPs; default: a quarter of kills.")] = None,
    cuts: Annotated[int | None, typer.Option(min=0, help="Cut connections; default: like kills.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, one after the other.")] = 1,
    handlers: Annotated[int, typer.Option(min=1, help="request_handler processes.")] = 3,
    during: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds under fire; default: 8 requests and half a kill a second."),
    ] = None,
    time_scale: Annotated[float, typer.Option(min=1, help="PENSTOCK_TIME_SCALE.")] = 10.0,
    rest: Annotated[
        float, typer.Option(min=1, help="Seconds in which a seed must come to rest; more on a slow machine.")
    ] = 150.0,
    lanes: Annotated[
        bool, typer.Option("--lanes", help="With lanes that wait, batchers among them.")
    ] = False,
    indexed: Indexed = False,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and ledgers in this folder.")] = None,
) -> None:
    """Run the whole system under fire and check the promise; exit code 1 on any violation."""
    during_s = during or max(6.0, requests / _REQUESTS_PER_S, kills / _KILLS_PER_S)
    pauses, cuts = kills // 4 if pauses is None else pauses, kills if cuts is None else cuts
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(seed, seed + seeds):
            shape = Shape(number, requests, kills, pauses, cuts, during_s, handlers, time_scale, rest)
            outcomes.append(_one(shape, folder / f"seed-{number}", lanes=lanes, indexed=indexed))
            _tell(outcomes[-1], shape, lanes=lanes, indexed=indexed)
    Console().print(_table(outcomes))
    raise typer.Exit(1 if any(outcome.violations for outcome in outcomes) else 0)


def _one(shape: Shape, folder: Path, *, lanes: bool, indexed: bool) -> Outcome:
    emulators = started(folder, indexed=indexed)
    try:
        with (
            progress(f"seed {shape.seed}", shape.requests) as tell,
            (folder / "bridge.log").open("w") as log,
            contextlib.redirect_stdout(log),
        ):
            return asyncio.run((live_lanes if lanes else live)(shape, emulators, folder, tell))
    finally:
        emulators.stop()


def _tell(outcome: Outcome, shape: Shape, *, lanes: bool, indexed: bool) -> None:
    """One line a seed, at once: a run of an hour may be cut off."""
    counted = ["requests", "kills", "pauses", "cuts", "busy", "calls", "paid", "redriven"]
    counted += ["batches", "lines"] if lanes else []
    figures = ", ".join(f"{name} {outcome.figures[name]}" for name in counted)
    unexplained = sum(one.because is None for one in outcome.surplus)
    typer.echo(
        f"seed {outcome.seed}: {figures}, surplus {len(outcome.surplus)} of them unexplained {unexplained}, "
        f"violations {len(outcome.violations)}, {outcome.seconds:.0f} s"
    )
    for violation in outcome.violations:
        typer.echo(f"seed {outcome.seed}: {violation}")
    if outcome.violations:
        typer.echo(
            f"again: scripts/chaos run{' --lanes' if lanes else ''}{said(indexed)}"
            f" --seed {shape.seed} --requests {shape.requests} --kills {shape.kills}"
            f" --pauses {shape.pauses} --cuts {shape.cuts} --handlers {shape.handlers}"
            f" --time-scale {shape.time_scale:g} --during {shape.during_s:g}"
        )


def _table(outcomes: list[Outcome]) -> Table:
    """The figures of all seeds together."""
    figures: Counter[str] = sum((outcome.figures for outcome in outcomes), Counter())
    results: Counter[str] = sum((outcome.results for outcome in outcomes), Counter())
    blows: Counter[str] = sum((outcome.blows for outcome in outcomes), Counter())
    surplus = [one for outcome in outcomes for one in outcome.surplus]
    causes = Counter(one.because.split(" request_handler")[0] for one in surplus if one.because)
    table = Table(title=f"{len(outcomes)} seeds, {sum(o.seconds for o in outcomes):.0f} s", show_header=False)
    rows: list[tuple[str, object]] = [
        ("requests", f"{figures['requests']} ({figures['published']} messages published)"),
        ("deliveries", f"{figures['deliveries']}, {figures['deliveries'] - figures['acked']} of them again"),
        *((f"… {ended}", count) for ended, count in sorted(results.items())),
        ("redriven after repair", figures["redriven"]),
        *((f"blows: {blow}", count) for blow, count in sorted(blows.items())),
        ("provider calls", f"{figures['calls']}, paid {figures['paid']}"),
        ("surplus calls", f"{len(surplus)}, explained {sum(one.because is not None for one in surplus)}"),
        *((f"… {cause}", count) for cause, count in sorted(causes.items())),
        *(
            (f"lanes: {name}", figures[name])
            for name in ("batches", "lines", "lines lost")
            if name in figures
        ),
        ("document changes seen", figures["changes"]),
        ("log lines searched", figures["log_lines"]),
        ("violations", sum(len(outcome.violations) for outcome in outcomes)),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    return table


if __name__ == "__main__":
    typer.run(_main)
