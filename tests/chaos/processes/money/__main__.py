"""`scripts/chaos money`: budgets on real processes and Google's emulators, under fire; then checked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from penstock.money.limits import NANO
from tests.chaos.processes.indexed import Indexed, said, started
from tests.chaos.processes.money.live import Outcome, Shape, live

#: Callers and blows are spread so that a killed function is up again before most of the next ones.
_CALLERS_PER_S, _KILLS_PER_S = 8.0, 0.5


def _main(
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, one after the other.")] = 1,
    budget: Annotated[float, typer.Option(min=0.01, help="Dollars for everything in a month.")] = 1.0,
    callers: Annotated[int, typer.Option(min=1, help="Requests of each seed.")] = 200,
    processes: Annotated[int, typer.Option(min=1, help="request_handler processes.")] = 4,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of each seed.")] = 20,
    pauses: Annotated[int | None, typer.Option(min=0, help="SIGSTOPs; default: a quarter of kills.")] = None,
    cuts: Annotated[int | None, typer.Option(min=0, help="Cut connections; default: like kills.")] = None,
    during: Annotated[float | None, typer.Option(min=1, help="Seconds under fire.")] = None,
    time_scale: Annotated[float, typer.Option(min=1, help="PENSTOCK_TIME_SCALE.")] = 10.0,
    rest: Annotated[
        float, typer.Option(min=1, help="Seconds in which a seed must come to rest; more on a slow machine.")
    ] = 300.0,
    lanes: Annotated[
        bool, typer.Option("--lanes", help="With lanes that wait, batchers among them.")
    ] = False,
    indexed: Indexed = False,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and ledgers in this folder.")] = None,
) -> None:
    """Ask for more than the budgets have, under fire, and check that they hold; exit 1 on a violation."""
    during_s = during or max(6.0, callers / _CALLERS_PER_S, kills / _KILLS_PER_S)
    pauses, cuts = kills // 4 if pauses is None else pauses, kills if cuts is None else cuts
    broken = False
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-chaos-")))
        for number in range(seed, seed + seeds):
            shape = Shape(
                number, budget, callers, processes, kills, pauses, cuts, during_s, time_scale, rest, lanes
            )
            outcome = _one(shape, folder / f"seed-{number}", indexed=indexed)
            _tell(outcome, shape, indexed=indexed)
            broken |= bool(outcome.violations)
    raise typer.Exit(1 if broken else 0)


def _one(shape: Shape, folder: Path, *, indexed: bool) -> Outcome:
    emulators = started(folder, indexed=indexed)
    try:
        with (folder / "bridge.log").open("w") as log, contextlib.redirect_stdout(log):
            return asyncio.run(live(shape, emulators, folder))
    finally:
        emulators.stop()


def _tell(outcome: Outcome, shape: Shape, *, indexed: bool) -> None:
    """One line a seed, at once: several may take an hour."""
    names = (
        "requests",
        "calls",
        "paid",
        "refused",
        "redriven",
        "allotments",
        "kills",
        "pauses",
        "cuts",
        "busy",
        *(("batches", "lines") if shape.lanes else ()),
    )
    told = ", ".join(f"{name} {outcome.figures[name]}" for name in names)
    typer.echo(
        f"seed {outcome.seed}: billed ${outcome.figures['billed_nano'] / NANO:.6f} of ${shape.budget_usd:g}, "
        f"{told}, violations {len(outcome.violations)}, {outcome.seconds:.0f} s"
    )
    for violation in outcome.violations:
        typer.echo(f"seed {outcome.seed}: {violation}")
    if outcome.violations:
        typer.echo(
            f"again: scripts/chaos money{' --lanes' if shape.lanes else ''}{said(indexed)}"
            f" --seed {shape.seed} --budget {shape.budget_usd:g}"
            f" --callers {shape.callers} --processes {shape.processes} --kills {shape.kills}"
            f" --pauses {shape.pauses} --cuts {shape.cuts} --during {shape.during_s:g}"
            f" --time-scale {shape.time_scale:g}"
        )


if __name__ == "__main__":
    typer.run(_main)
