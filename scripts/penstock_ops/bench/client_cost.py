"""`python -m penstock_ops.bench.client_cost`: what a call to Firestore and Pub/Sub costs, through our
adapters, through the client libraries' generated methods and through their upper layers.
It starts the emulators."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Annotated

import typer

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.ports import Put
from penstock_ops.bench import client_layers as layers
from penstock_ops.emulation.emulators import EmulatorFault, Emulators
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub

#: Each round measures every layer, in the other order than the round before.
ROUNDS = 5
_WIDTHS = (1, 20)
_KINDS = ("commit", "read", "publish")
_OURS = "our adapters"


async def measure(call: layers.Call, run: str, calls: int, callers: int) -> tuple[float, float]:
    """Wall and CPU milliseconds per call, with `callers` at once."""
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            await call(f"{run}-{number}")

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall / calls * 1e3, cpu / calls * 1e3


async def _compare(found: Mapping[str, layers.Layer], kind: str, calls: int, callers: int) -> list[str]:
    """One line a layer: medians of the rounds, and of each round's CPU as a multiple of ours."""
    walls: dict[str, list[float]] = defaultdict(list)
    cpus: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        order = list(found)[:: -1 if number % 2 else 1]
        for name in order:
            run = f"{name.replace(' ', '-')}-{callers}-{number}"
            wall, cpu = await measure(found[name][kind], run, calls, callers)
            if number:  # the first one connects
                walls[name].append(wall)
                cpus[name].append(cpu)
    lines = []
    for name in found:
        times = median(cpu / ours for cpu, ours in zip(cpus[name], cpus[_OURS], strict=True))
        lines.append(
            f"{kind:<8} {callers:>2} at once   {name:<18} {median(walls[name]):7.2f} ms   "
            f"{median(cpus[name]):6.2f} ms CPU   × {times:.2f}"
        )
    return lines


async def _measure_all(emulators: Emulators, calls: int) -> None:
    await create_on_pubsub(Topology(), layers.PROJECT, emulators.pubsub.host, {})
    store = FirestoreStore(layers.PROJECT, emulator_host=emulators.firestore.host)
    known = [Put(path, layers.DOCUMENT) for path in layers.KNOWN]
    await store.commit(known, timeout_s=layers.TIMEOUT_S)
    await store.close()
    found = {
        _OURS: layers.ours(emulators),
        "generated methods": layers.generated(emulators),
        "upper layers": layers.upper(),
    }
    cases = [(callers, kind) for callers in _WIDTHS for kind in _KINDS]
    lines: list[str] = []
    with progress("measuring", len(cases)) as tell:
        for done, (callers, kind) in enumerate(cases):
            tell(done, f"{kind}, {callers} at once")
            lines += await _compare(found, kind, calls // ROUNDS, callers)
    print("\n".join(lines))


def _main(calls: Annotated[int, typer.Option(min=100, help="Calls per line.")] = 1000) -> None:
    """Measure calls at three heights, by turns; × is the CPU as a multiple of our adapters'."""
    try:
        emulators = Emulators.start()
    except EmulatorFault as fault:
        typer.echo(f"error: {fault}", err=True)
        raise typer.Exit(1) from None
    os.environ.update(emulators.environment)
    try:
        asyncio.run(_measure_all(emulators, calls))
    finally:
        emulators.stop()


if __name__ == "__main__":
    typer.run(_main)
