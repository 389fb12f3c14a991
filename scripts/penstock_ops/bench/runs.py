"""`runs`: one question about many items, and the same again: seconds, writes, memory, dollars."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.on_folder import OnFolder, on_folder
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, number
from penstock_ops.bench.rig import Rig
from penstock_ops.bench.run_writes import Writes, count_writes
from penstock_ops.terminal.faults import OperatorFault

#: Items of the runs: the first size is what the second one's memory is compared with.
_SIZES, _QUICK = (10_000, 100_000), (500, 2_000)
#: Items of the runs whose writes are counted at the wire.
_COUNTED, _COUNTED_QUICK = 400, 100
#: What a page may add to the six writes of a miss (docs/performance.md), and how flat memory is.
_WRITES, _FLAT = 6.1, 1.15

PIPELINE = {
    "version": 1,
    "steps": [
        {
            "id": "label",
            "map": {
                "as": "label",
                "request": {
                    "prompt": "Which team should answer: billing, login or shipping?\n\n{{item.text}}",
                    "params": {"max_tokens": 150, "temperature": 0},
                },
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: how many items, how long from its message to its end, its price, and the most memory that a
    process of run_handler has held until then."""

    items: int
    seconds: float
    usd: float
    peak_mib: float


async def run(rig: Rig, options: Options) -> Section:
    """Each size twice on a folder of its own; then the writes, on the emulators."""
    sizes, counted = (_QUICK, _COUNTED_QUICK) if options.quick else (_SIZES, _COUNTED)
    options.step.expect(2 * len(sizes) + 1)
    async with model_process(0.0, rig.folder) as model_url:
        ran = [await twice(rig.folder / f"items-{items}", model_url, items, options) for items in sizes]
        options.step(f"the writes of {counted} items, at the wire")
        writes = await count_writes(rig, model_url, counted, PIPELINE)
    return _section(ran, counted, writes)


async def twice(folder: Path, model_url: str, items: int, options: Options) -> tuple[Ran, Ran]:
    """One question about `items` items on a new folder, and the same again under another id."""
    async with on_folder(folder, model_url) as stack:
        once = await _ran(stack, items, "once", options)
        return once, await _ran(stack, items, "again", options)


async def _ran(stack: OnFolder, items: int, run_id: str, options: Options) -> Ran:
    options.step(f"{items:,} items, {run_id}")
    pipeline, lines = stack.folder / "pipeline.json", stack.folder / "items.jsonl"
    _write(pipeline, lines, items)
    words = ("run", str(pipeline), "--items", str(lines), "--id", run_id, "--wait", "--json")
    ended = await _penstock(stack, *words)
    began, over = (datetime.fromisoformat(ended[name]) for name in ("created_at", "finished_at"))
    [step] = ended["steps"]
    if (ended["status"], step["ok"]) != ("succeeded", items):
        raise OperatorFault(f"the run {run_id} of {items} items ended {ended['status']}, {step['ok']} ok")
    return Ran(items, (over - began).total_seconds(), ended["usd"], stack.run_handler.peak_mib())


#: About 60 tokens.
_TEXT = "I was told that my parcel would be here on Monday, and nobody at the counter knows of it. " * 2


def _write(pipeline: Path, lines: Path, items: int) -> None:
    pipeline.write_text(json.dumps(PIPELINE))
    with lines.open("w") as out:
        for number in range(items):
            out.write(json.dumps({"id": f"t{number}", "text": f"Ticket {number}. {_TEXT}"}) + "\n")


async def _penstock(stack: OnFolder, *words: str) -> Mapping[str, Any]:
    """`penstock WORDS…` as an operator types it. Raises OperatorFault."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "penstock_ops.cli", *words,
        env=stack.env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise OperatorFault(f"penstock {' '.join(words)}: {err.decode()[-500:]}")
    told: Mapping[str, Any] = json.loads(out)
    return told


def _section(ran: list[tuple[Ran, Ran]], counted: int, writes: tuple[Writes, Writes]) -> Section:
    return Section(
        name="runs",
        title="A question about many items, and the same again under another id (embedded, a process for "
        "each function)",
        columns=("run", "items", "seconds", "items/s", "USD", "run_handler, peak MiB"),
        rows=[_row(*pair) for once, again in ran for pair in (("once", once), ("again", again))],
        figures=_figures(ran, counted, writes),
        notes=(
            "Seconds: from the run's document to its end; the model answers at once. One process each for "
            "request_handler, response_processor, run_handler and the sweeper, on one SQLite file, model and "
            "broker on the same cores. Peak: the kernel's high-water mark of the largest process (VmHWM). "
            "Writes: at the wire before the Firestore emulator, the run's, its pages' and the usage's "
            "counted with the members'; the emulator itself has no indexes, and cannot carry a large run.",
        ),
        data={
            "runs": [{name: getattr(one, name) for name in Ran.__slots__} for pair in ran for one in pair],
            "writes": [{"items": counted, "writes": found.writes, "reads": found.reads} for found in writes],
        },
    )


def _figures(ran: list[tuple[Ran, Ran]], counted: int, writes: tuple[Writes, Writes]) -> list[Figure]:
    small, (once, again) = ran[0][0], ran[-1]
    miss, hit = (found.writes / counted for found in writes)
    flat = once.peak_mib / small.peak_mib
    memory = f"peak MiB of run_handler at {once.items:,} / at {small.items:,}"
    return [
        Figure(f"writes per item, {counted} misses", miss, f"≤ {_WRITES}", miss <= _WRITES),
        Figure("writes per item, all hits", hit),
        Figure(f"seconds, {once.items:,} items once", once.seconds),
        Figure("… the same again", again.seconds),
        Figure("USD of the same again", again.usd, "0", again.usd == 0),
        Figure(memory, flat, f"≤ {_FLAT}", flat <= _FLAT),
    ]


def _row(name: str, ran: Ran) -> tuple[str, ...]:
    per_s = number(ran.items / ran.seconds)
    return (name, f"{ran.items:,}", f"{ran.seconds:,.1f}", per_s, f"{ran.usd:.4f}", f"{ran.peak_mib:.0f}")
