"""`penstock tune measure`."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from penstock_ops.tune.chart import save_png
from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.options import AsJson, TraceFile, one_clear_line
from penstock_ops.tune.results import Results, resume
from penstock_ops.tune.sweep import Sweep, SweepOptions
from penstock_ops.tune.trace import Trace, read_trace
from penstock_ops.tune.view import results_view, stage_line

#: What a shell reports for a command that was interrupted.
INTERRUPTED = 130


def measure(
    url: Annotated[str, typer.Option(help="The engine: http://HOST:PORT, with or without /v1.")],
    out: Annotated[Path, typer.Option(help="JSON results; run again with the same file to go on.")] = Path(
        "measurement.json"
    ),
    trace: TraceFile = None,
    stretch: Annotated[str, typer.Option(help="Part of the trace in percent, FROM-TO.")] = "0-50",
    scale: Annotated[float, typer.Option(help="Multiply every length, for slow engines.")] = 1.0,
    requests: Annotated[int, typer.Option(min=12, help="Counted requests of a stage, at least.")] = 48,
    stage_seconds: Annotated[
        float, typer.Option(min=1, help="Count nothing that starts later in a stage.")
    ] = 60,
    max_concurrency: Annotated[int, typer.Option(min=1, max=1000)] = 256,
    concurrency: Annotated[list[int] | None, typer.Option(help="Exactly this one (repeatable).")] = None,
    open_loop: Annotated[bool, typer.Option(help="Also measure arrivals at rising rates.")] = True,
    declared: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting the engine was given, NAME=NUMBER, to be checked (repeatable)."
        ),
    ] = None,
    token_env: Annotated[str | None, typer.Option(help="Variable that holds the bearer token.")] = None,
    png: Annotated[Path | None, typer.Option(help="Also draw the chart (extra `tune`).")] = None,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: AsJson = False,
) -> None:
    """Load a running engine and find its knee: closed loop by concurrency, open loop by rate."""
    settings = _declared(declared or [])
    options = SweepOptions(
        max_concurrency, requests, stage_seconds, seed, open_loop, tuple(sorted(set(concurrency or ())))
    )
    console = Console(stderr=as_json, highlight=False)
    with one_clear_line():
        rows = read_trace(trace)
        if trace is not None:
            rows = rows.stretch(stretch)  # the sample is of the first half already
        run = _run(Endpoint(url, _token(token_env)), rows.scaled(scale), options, settings, out, console)
        try:
            results = asyncio.run(run)
        except KeyboardInterrupt:
            typer.echo(f"interrupted; what was measured is in {out}: run again to go on", err=True)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(results.to_json(), indent=1))
    else:
        console.print(results_view(results))
        console.print(f"results: {out}")
    if png is not None:
        with one_clear_line():
            save_png(results, png)
        console.print(f"chart: {png}")


async def _run(
    endpoint: Endpoint,
    rows: Trace,
    options: SweepOptions,
    declared: dict[str, float],
    out: Path,
    console: Console,
) -> Results:
    async with endpoint:
        info = await endpoint.identify()
        fitting = rows.within(info.max_total_tokens)
        left_out = len(rows.rows) - len(fitting.rows)
        if left_out:
            console.print(
                f"{left_out} of {len(rows.rows)} requests are longer than the engine takes: left out"
            )
        if info.metrics is None:
            console.print("the endpoint shows no /metrics: what is in force cannot be checked")
        fresh = Results(
            identity=_identity(endpoint.url, info.kind, info.model, fitting, options),
            workload={"input_tokens": fitting.mean_input, "output_tokens": fitting.mean_output},
            declared=declared,
            in_force=info.in_force,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        results = resume(out, fresh)
        results.save()
        console.print(
            f"{info.kind} at {endpoint.url}, model {info.model}; {fitting.name}: "
            f"{fitting.mean_input:.0f} tokens in, {fitting.mean_output:.0f} out on average"
        )
        async for stage in Sweep(endpoint, fitting, results, options).run():
            console.print(stage_line(stage))
        results.save()
    return results


def _identity(url: str, kind: str, model: str, trace: Trace, options: SweepOptions) -> dict[str, Any]:
    return {
        "url": url, "kind": kind, "model": model, "trace": trace.name, "trace_digest": trace.digest,
        "seed": options.seed, "requests": options.requests,
    }  # fmt: skip


def _declared(pairs: list[str]) -> dict[str, float]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            found[name.strip().lower()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise typer.BadParameter(f"write NAME=NUMBER, not {pair!r}", param_hint="--set")
    return found


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    token = os.environ.get(variable)
    if not token:
        raise TuneFault(f"the variable {variable} named by --token-env is not set")
    return token
