"""`scripts/chaos door`: clients at the door while it and the handlers are killed; then checked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.emulation.emulators import EmulatorFault, Emulators
from tests.chaos.processes.door.live import Outcome, Shape, live

#: Kills are spread so that a killed function is up again before most of the next ones.
_KILLS_PER_S = 0.5


def _main(
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, one after the other.")] = 1,
    clients: Annotated[int, typer.Option(min=1, help="Clients, all at once.")] = 200,
    asks: Annotated[int, typer.Option(min=1, help="Questions of each client, one after the other.")] = 3,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of doors and request handlers.")] = 20,
    doors: Annotated[int, typer.Option(min=1, help="front_door processes.")] = 2,
    handlers: Annotated[int, typer.Option(min=1, help="request_handler processes.")] = 1,
    during: Annotated[float | None, typer.Option(min=1, help="Seconds under fire.")] = None,
    time_scale: Annotated[float, typer.Option(min=1, help="PENSTOCK_TIME_SCALE.")] = 10.0,
    rest: Annotated[float, typer.Option(min=1, help="Seconds in which a seed must come to rest.")] = 300.0,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and ledgers in this folder.")] = None,
) -> None:
    """Ask under fire and check the promise; exit code 1 on any violation."""
    during_s = during or max(6.0, kills / _KILLS_PER_S)
    broken = False
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-chaos-")))
        for number in range(seed, seed + seeds):
            shape = Shape(number, clients, asks, kills, during_s, doors, handlers, time_scale, rest)
            outcome = _one(shape, folder / f"seed-{number}")
            _tell(outcome, shape)
            broken |= bool(outcome.violations)
    raise typer.Exit(1 if broken else 0)


def _one(shape: Shape, folder: Path) -> Outcome:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        emulators = Emulators.start(folder, brief=False)
    except EmulatorFault as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2) from None
    try:
        with (folder / "bridge.log").open("w") as log, contextlib.redirect_stdout(log):
            return asyncio.run(live(shape, emulators, folder))
    finally:
        emulators.stop()


def _tell(outcome: Outcome, shape: Shape) -> None:
    """One line a seed, at once: several may take long."""
    told = ", ".join(f"{name} {count}" for name, count in outcome.figures.items())
    ends = ", ".join(f"{end} {count}" for end, count in sorted(outcome.ended.items()))
    unexplained = sum(one.because is None for one in outcome.surplus)
    typer.echo(
        f"seed {outcome.seed}: {told}; {ends}; surplus {len(outcome.surplus)} of them unexplained "
        f"{unexplained}, violations {len(outcome.violations)}, {outcome.seconds:.0f} s"
    )
    for violation in outcome.violations:
        typer.echo(f"seed {outcome.seed}: {violation}")
    if outcome.violations:
        typer.echo(
            f"again: scripts/chaos door --seed {shape.seed} --clients {shape.clients} --asks {shape.asks}"
            f" --kills {shape.kills} --doors {shape.doors} --handlers {shape.handlers}"
            f" --during {shape.during_s:g} --time-scale {shape.time_scale:g}"
        )


if __name__ == "__main__":
    typer.run(_main)
