"""Options that several commands share, and how their faults leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.tune.faults import TuneFault

ENGINES = ("vllm", "tgi")

Config = Annotated[Path, typer.Option(help="The model's config.json.")]
GpuName = Annotated[str, typer.Option(help="The GPU: l4 or rtx-pro-6000.")]
Engine = Annotated[str, typer.Option(help="vllm or tgi.")]
QuantizationName = Annotated[str | None, typer.Option(help="none, awq, gptq, fp8, eetq, bitsandbytes, …")]
TraceFile = Annotated[
    Path | None, typer.Option(help="Lengths and arrivals; default: a sample that ships with us.")
]
Parameters = Annotated[int | None, typer.Option(help="Parameter count, for a family that is not known here.")]
KvDtype = Annotated[str, typer.Option(help="auto (16 bit) or fp8.")]
Fraction = Annotated[float | None, typer.Option(help="Share of the GPU's memory that the engine takes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Faults leave as one line and exit code 1."""
    try:
        yield
    except TuneFault as fault:
        typer.echo(f"error: {fault}", err=True)
        raise typer.Exit(1) from None


def check_engine(engine: str) -> str:
    """The engine's name; misuse when it is none of ours."""
    if engine not in ENGINES:
        raise typer.BadParameter(f"{engine!r} is none of {', '.join(ENGINES)}", param_hint="--engine")
    return engine
