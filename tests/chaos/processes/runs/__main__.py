"""`scripts/chaos runs`: runs on real processes and Google's emulators, hurt in every way; then checked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tests.chaos.processes.indexed import Indexed, said, started
from tests.chaos.processes.runs.live import Outcome, Shape, live

#: Members and blows are spread so that a killed function is up again before most of the next ones.
_MEMBERS_PER_S, _KILLS_PER_S = 40.0, 0.5


def _main(
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, one after the other.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each seed.")] = 6,
    items: Annotated[int, typer.Option(min=1, max=1000, help="Items of each run.")] = 100,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of each seed.")] = 12,
    pauses: Annotated[int | None, typer.Option(min=0, help="SIGSTOPs; default: a quarter of kills.")] = None,
    cuts: Annotated[int | None, typer.Option(min=0, help="Cut connections; default: like kills.")] = None,
    handlers: Annotated[int, typer.Option(min=1, help="request_handler processes.")] = 2,
    run_handlers: Annotated[int, typer.Option(min=1, help="run_handler processes.")] = 2,
    during: Annotated[float | None, typer.Option(min=1, help="Seconds under fire.")] = None,
    time_scale: Annotated[float, typer.Option(min=1, help="PENSTOCK_TIME_SCALE.")] = 10.0,
    rest: Annotated[
        float, typer.Option(min=1, help="Seconds in which a seed must come to rest; more on a slow machine.")
    ] = 300.0,
    indexed: Indexed = False,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and ledgers in this folder.")] = None,
) -> None:
    """Run runs under fire and check the promise; exit code 1 on any violation."""
    during_s = during or max(6.0, runs * items / _MEMBERS_PER_S, kills / _KILLS_PER_S)
    pauses, cuts = kills // 4 if pauses is None else pauses, kills if cuts is None else cuts
    broken = False
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-chaos-")))
        for number in range(seed, seed + seeds):
            shape = Shape(
                number, runs, items, kills, pauses, cuts, during_s, handlers, run_handlers, time_scale, rest
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
    names = ("runs", "stages", "pages", "members", "questions", "calls", "paid", "redriven", "told")
    blows = ("kills", "pauses", "cuts", "busy")
    told = ", ".join(f"{name} {outcome.figures[name]}" for name in (*names, *blows))
    unexplained = sum(one.because is None for one in outcome.surplus)
    typer.echo(
        f"seed {outcome.seed}: {told}, surplus {len(outcome.surplus)} of them unexplained {unexplained}, "
        f"violations {len(outcome.violations)}, {outcome.seconds:.0f} s"
    )
    for violation in outcome.violations:
        typer.echo(f"seed {outcome.seed}: {violation}")
    if outcome.violations:
        typer.echo(
            f"again: scripts/chaos runs{said(indexed)}"
            f" --seed {shape.seed} --runs {shape.runs} --items {shape.items}"
            f" --kills {shape.kills} --pauses {shape.pauses} --cuts {shape.cuts} --during {shape.during_s:g}"
            f" --handlers {shape.handlers} --run-handlers {shape.run_handlers}"
            f" --time-scale {shape.time_scale:g}"
        )


if __name__ == "__main__":
    typer.run(_main)
