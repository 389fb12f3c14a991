"""Requests of a trace's sizes through runner `job` beside a real vLLM, killed on the way; then at once.

    python -m penstock_ops.engine install                     # once: about 4 minutes and 3.4 GB
    python -m tests.bench.drained --requests 500 --scale 1 [--trace TRACE.csv] [--engine URL]

The first drainer gets SIGTERM and the second SIGKILL, in the middle of their files; the third may finish.
Dollars are those of the machine, by its seconds: an L4 with 4 vCPU on Cloud Run (docs/lanes.md). The engine
here is a tiny model on a CPU: of the dollars only what stands beside each other says something. Exit code 1
when a request has no result.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penstock_ops.engine import EngineHome, EngineProcess
from penstock_ops.tune.trace import read_trace
from tests.bench.drained_ways import MOST_TOKENS, Came, at_once, by_job, kills_of

#: The longest row of the conversation trace fits.
_ENGINE = ["--max-model-len", str(MOST_TOKENS + 384), "--max-num-seqs", "256"]


@contextlib.contextmanager
def engine_of(url: str | None) -> Iterator[tuple[str, float]]:
    """An engine, and how many seconds it took to start; the one at `url` took none. Raises EngineFault."""
    if url is not None:
        yield url.rstrip("/").removesuffix("/v1"), 0.0
        return
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    began = time.monotonic()
    engine = EngineProcess.start(EngineHome.default(), port, _ENGINE)
    try:
        yield engine.url, time.monotonic() - began
    finally:
        engine.stop()


async def _main(options: argparse.Namespace) -> int:
    trace = read_trace(options.trace).scaled(options.scale)
    rows = trace.rows[: options.requests]
    with (
        engine_of(options.engine) as (url, start_s),
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),  # the functions' log
    ):
        killed, _ = await by_job(url, rows, kills_of(len(rows)), Path(folder) / "killed")
        whole, _ = await by_job(url, rows, [], Path(folder) / "whole", "w")
        came = [killed, whole, await at_once(url, rows, Path(folder) / "sync")]
    names = ("job, SIGTERM and SIGKILL", "job, left alone", "at once")
    _show(list(zip(names, came, strict=True)), start_s, f"{len(rows)} requests, {trace.name}")
    return 0 if all(one.ends == {next(iter(one.ends)): len(rows)} for one in came) else 1


def _show(came: list[tuple[str, Came]], start_s: float, title: str) -> None:
    table = Table(
        "", "results", "lines again", "tokens in, out", "machine", "USD", "USD with starts", title=title
    )
    for name, one in came:
        ends = ", ".join(f"{count} {status} by {lane}" for (status, lane), count in one.ends.items())
        table.add_row(
            name, ends, str(one.again), f"{one.tokens[0]:,}, {one.tokens[1]:,}", f"{one.machine_s:.1f} s",
            f"{one.usd(0):.4f}", f"{one.usd(start_s):.4f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(table)
    console.print(
        f"A start of the engine took {start_s:.1f} s; load average {os.getloadavg()[0]:.1f} at the end."
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--scale", type=float, default=1.0, help="of every length of the trace")
    parser.add_argument(
        "--trace", type=Path, help="an Azure LLM inference trace (default: the shipped sample)"
    )
    parser.add_argument("--engine", help="one that runs already; default: one of its own")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
