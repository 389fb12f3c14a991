"""`penstock bench`: measure everything again, on this machine, now."""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from penstock_ops.bench import cores
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Section
from penstock_ops.bench.rig import Rig, emulated
from penstock_ops.bench.steps import steps
from penstock_ops.terminal.console import print_json, say
from penstock_ops.terminal.faults import Misuse, OperatorFault

#: Each is a module of this package with `async def run(rig, options) -> Section`; and what it measures.
BENCHES = {
    "trips": "Firestore reads and writes, publishes, round trips per request, counted at the wire",
    "cpu": "CPU per request, beside the same client calls made bare",
    "billed": "billed instance-seconds per 1,000 requests, and how p99 holds at 80 to 200 in flight",
    "latency": "what we add between publish and result, at 10, 50 and 100 requests a second",
    "cold": "a fresh process until its first answer, and what it imports for it",
    "traces": "CPU per request with traces on beside off",
    "money": "a request under a budget beside none, many instances under one, and how much of one is used",
    "door": "the front door beside the LiteLLM proxy: CPU, latency, memory, the first answer",
    "memory": "of an instance with 1, 80 and 250 requests in flight, and its growth",
    "scale": "cost per request at 1, 2, 4 processes, and beside 1,000 to 100,000 stored requests",
    "runs": "100,000 items in one run, and the same again: seconds, writes, memory, dollars",
    "lanes": "what a request takes in each lane: reads, writes, CPU, dollars, beside each other",
    "similar": "similar answers on public questions, where they are here: share served, and of it wrong; "
    "only if it is named",
    "dollars": "a million requests and an idle month, by the price book and the measured use",
}
#: Those that run what people deploy today beside ours.
_COMPARING = frozenset({"billed", "cpu", "dollars"})
#: Those that ask no instance and need no emulators, but what not everybody has.
_ALONE = frozenset({"similar"})
_HELP = (
    """Measure what a request costs here: seconds, CPU, round trips, memory, dollars.

Needs a checkout and Google's emulators. The instance under measurement has a core for itself; compare the
ratios, not the milliseconds, with another machine's. A missed target is said, and is no error.

[b]Benches[/b]

"""
    + "\n\n".join(f"  [b]{name}[/b]  {what}" for name, what in BENCHES.items())
    + """

[b]Examples[/b]

  penstock bench --quick

  penstock bench --only cpu --only trips --json

  python -m penstock_ops.bench.compare --base HEAD~1
"""
)

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(help=_HELP)
def bench(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this one: {', '.join(BENCHES)} (repeatable).")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer rounds and shorter ones: a first look.")
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(help="Traffic for `dollars`: an Azure LLM inference trace (default: a sample)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the tables to this file too.")] = None,
) -> None:
    names = tuple(only or (name for name in BENCHES if name not in _ALONE))
    for name in names:
        if name not in BENCHES:
            raise Misuse(f"{name!r} is no bench; there are {', '.join(BENCHES)}.")
    if find_spec("openai") is None and not _COMPARING.isdisjoint(names):
        raise OperatorFault(
            "the function and the clients that people use need the openai SDK: pip install -e '.[cli,test]'"
        )
    cores.stand_aside()
    sections = []
    for name in names:
        say(f"{name} …")
        with steps(name) as step:
            section = asyncio.run(_run(name, Options(quick, trace, step)))
        sections.append(section)
        if not as_json:
            section.show(Console(width=150, highlight=False))
    if as_json:
        print_json(_encode(sections, quick))
    if out is not None:
        _write(out, sections, quick)


async def _run(name: str, options: Options) -> Section:
    module: Any = importlib.import_module(f"penstock_ops.bench.{name}")
    if name in _ALONE:
        found: Section = await module.run(options)
        return found
    options.step("starting the emulators")
    with emulated() as (emulators, folder):
        async with Rig(emulators, folder).open() as rig:
            section: Section = await module.run(rig, options)
            return section


def _encode(sections: Sequence[Section], quick: bool) -> dict[str, Any]:
    benches = {section.name: section.encode() for section in sections}
    return {"at": _now(), "machine": machine(), "quick": quick, "benches": benches}


def _write(out: Path, sections: Sequence[Section], quick: bool) -> None:
    with out.open("w", encoding="utf-8") as file:
        console = Console(file=file, width=150, highlight=False, no_color=True)
        console.print(f"{_now()}, {machine()}{', --quick' if quick else ''}")
        for section in sections:
            section.show(console)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def machine() -> str:
    """The machine in words, and how busy others keep it."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load average {load:.1f} at the end"
    )
