"""The largest batch that a provider takes, worked off: minutes and memory of its batcher."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from penstock_ops.bench.report import Figure, Section
from penstock_ops.emulation.offline_lanes import offline_lanes
from penstock_ops.terminal.faults import OperatorFault

#: What the batcher has (terraform/modules/platform), in MiB.
MEMORY_MIB = 512


@dataclass(frozen=True, slots=True)
class Half:
    """One process: seconds on the clock and of CPU, and the most that it held, in MiB."""

    seconds: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Whole:
    """`filled`: request_handler's work; `worked`: the batcher's."""

    lines: int
    filled: Half
    worked: Half


async def whole_batch(folder: Path, lines: int) -> Whole:
    """One batch of `lines` on a folder of its own. Raises OperatorFault."""
    async with offline_lanes() as url:
        halves = [await _half(name, folder, url, lines) for name in ("fill", "work")]
    return Whole(lines, *halves)


async def _half(name: str, folder: Path, url: str, lines: int) -> Half:
    command = ["-m", "penstock_ops.bench.whole_batch", name, "--folder", str(folder), "--url", url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--lines", str(lines), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise OperatorFault(f"{name} of a batch of {lines:,} lines failed: {err.decode()[-600:]}")
    return Half(**json.loads(out))


def section_of(whole: Whole) -> Section:
    halves = {
        "request_handler, until all wait": whole.filled,
        "batcher, until all are answered": whole.worked,
    }
    peak = whole.worked.peak_mib
    return Section(
        name="lanes, one batch",
        title=f"one batch of {whole.lines:,} lines, on a folder of this machine",
        columns=("who", "minutes", "CPU, s", "CPU of a line, ms", "most held, MiB"),
        rows=[
            (
                who, f"{half.seconds / 60:.1f}", f"{half.cpu_s:,.0f}",
                f"{1000 * half.cpu_s / whole.lines:.2f}", f"{half.peak_mib:,.0f}",
            )
            for who, half in halves.items()
        ],
        figures=[
            Figure("minutes of the batcher", whole.worked.seconds / 60),
            Figure("MiB of the batcher", peak, f"< {MEMORY_MIB}", peak < MEMORY_MIB),
        ],
        notes=("SQLite is the store: what Firestore's round trips add is not in the minutes.",),
        data={name: _told(half) for name, half in (("filled", whole.filled), ("worked", whole.worked))},
    )  # fmt: skip


def _told(half: Half) -> dict[str, float]:
    return {"seconds": half.seconds, "cpu_s": half.cpu_s, "peak_mib": half.peak_mib}
