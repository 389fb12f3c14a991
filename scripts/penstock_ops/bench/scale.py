"""`scale`: does a request cost the same beside more processes, and beside more that is stored?"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from dataclasses import dataclass

from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, number
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.stored import fill, make_due
from penstock_ops.bench.trips import counting
from penstock_ops.faults import OperatorFault

_PROCESSES = (1, 2, 4)
_STORED = (1_000, 10_000, 100_000)
_WIDTH = 20
_DUE = 64
#: "Flat": the dearest over the cheapest, at most.
_FLAT = 1.15
_ALL = frozenset(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting: throughput, CPU per request, and the median delivery."""

    per_s: float
    cpu_ms: float
    p50_s: float


async def run(rig: Rig, options: Options) -> Section:
    """Processes; then stored requests, the sweeper among them; then who writes what."""
    count, stored = (100, _STORED[:1]) if options.quick else (400, _STORED)
    async with model_process(0.0, rig.folder) as model_url:
        processes = {n: await _with_processes(rig, model_url, n, count) for n in _PROCESSES}
        sizes = await _with_stored(rig, model_url, stored, count)
    shared, prefixes, requests = await _writers(rig, 8 if options.quick else 48)
    rows = [_row(f"{n} processes", measured) for n, measured in processes.items()]
    rows += [
        (*_row(f"{size:,} stored", measured)[:4], "too slow" if sweep is None else f"{sweep:.3f}")
        for size, (measured, sweep) in sizes.items()
    ]
    figures = [
        Figure(
            "CPU per request, most / least processes",
            f := _flatness(list(processes.values())),
            f"≤ {_FLAT}",
            f <= _FLAT,
        ),
        Figure(
            "CPU per request, most / least stored",
            g := _flatness([m for m, _ in sizes.values()]),
            f"≤ {_FLAT}",
            g <= _FLAT,
        ),
        Figure("documents written by two requests, usage shards apart", len(shared), "0", not shared),
        Figure(f"index prefixes used by {requests} requests, of 16", prefixes),
    ]
    return Section(
        name="scale",
        title=f"Beside more processes, and beside more stored requests ({count} misses each)",
        columns=("setting", "requests/s", "CPU ms a request", "p50 ms", f"sweep of {_DUE} due, s"),
        rows=rows,
        figures=figures,
        notes=(
            "All processes share the machine's cores with the emulators, so that requests/s cannot grow "
            "beyond them: what has to stay flat is the CPU per request. The Firestore emulator has no "
            "indexes: its queries read every document, and a sweep over many stored ones runs out of time.",
        ),
        data={
            "processes": {n: _data(measured) for n, measured in processes.items()},
            "stored": {
                size: _data(measured) | {"sweep_s": sweep} for size, (measured, sweep) in sizes.items()
            },
        },
    )


async def _with_processes(rig: Rig, model_url: str, processes: int, count: int) -> Measured:
    instances = [
        Instance("request_handler", rig.env(model_url), rig.folder, on=_ALL) for _ in range(processes)
    ]
    async with rig.running(*instances):
        return await _measure(rig, instances, f"p{processes}", count)


async def _with_stored(
    rig: Rig, model_url: str, sizes: tuple[int, ...], count: int
) -> dict[int, tuple[Measured, float | None]]:
    env = rig.env(model_url)
    handler, sweeper = Instance("request_handler", env, rig.folder), Instance("sweeper", env, rig.folder)
    found = {}
    async with rig.running(handler, sweeper):
        await rig.push(handler, rig.envelope(question("sample")))
        await _sweep(rig, sweeper)  # imports, connections
        before = 0
        for size in sizes:
            await fill(rig.store, "q-sample", before, size)
            before = size
            measured = await _measure(rig, [handler], f"s{size}", count)
            found[size] = (measured, await _swept(rig, handler, sweeper, str(size)))
    return found


async def _measure(rig: Rig, instances: list[Instance], label: str, count: int) -> Measured:
    """Median of three parts, after a warm-up."""
    routes = [(rig.topology.request_subscription, instance, _WIDTH) for instance in instances]
    parts = []
    async with rig.feed(*routes) as feeder:
        for index, instance in enumerate(instances):  # imports, connections
            await rig.push(instance, rig.envelope(question(f"{label}-first-{index}")))
        await rig.publish(question(f"{label}-warm-{n}") for n in range(_WIDTH * len(instances)))
        done = len(await feeder.until(_WIDTH * len(instances)))
        for part in range(3):
            cpu, started = sum(instance.cpu_s() for instance in instances), time.monotonic()
            await rig.publish(question(f"{label}-{part}-{n}") for n in range(count))
            deliveries = (await feeder.until(done + count))[done:]
            done += count
            cpu_ms = (sum(instance.cpu_s() for instance in instances) - cpu) / count * 1000
            per_s = count / (max(d.ended for d in deliveries) - started)
            parts.append(Measured(per_s, cpu_ms, median([d.seconds for d in deliveries])))
    return Measured(*(median([getattr(p, name) for p in parts]) for name in Measured.__slots__))


async def _sweep(rig: Rig, sweeper: Instance) -> float | None:
    """Seconds of one run of the sweeper; None when the emulator did not answer its queries in time."""
    started = time.monotonic()
    status = await rig.push(sweeper, rig.envelope({}))
    return time.monotonic() - started if status == 200 else None


async def _swept(rig: Rig, handler: Instance, sweeper: Instance, label: str) -> float | None:
    """A sweep with some due; their wakes are delivered, so that the topic is empty again."""
    await make_due(rig.store, "q-sample", label, _DUE)
    seconds = await _sweep(rig, sweeper)
    if seconds is not None:
        async with rig.feed((rig.topology.request_subscription, handler, _WIDTH)) as feeder:
            with contextlib.suppress(OperatorFault):  # not every due one was woken: the emulator was slow
                await feeder.until(_DUE)
    return seconds


async def _writers(rig: Rig, requests: int) -> tuple[list[str], int, int]:
    """Documents that two requests' flows wrote, the shard prefixes seen, and how many requests there were."""
    writers: dict[str, set[int]] = defaultdict(set)
    async with counting(rig) as bench:
        for request in range(requests):
            before = len(bench.history)
            await bench.miss(f"writer-{request}")
            for call in bench.history[before:]:
                for path in call.written:
                    writers[path].add(request)
        prefixes = {value[:2] for call in bench.history for value in call.indexed}
    shared = [path for path, by in writers.items() if len(by) > 1 and "/usage/" not in path]
    return shared, len(prefixes), requests


def _flatness(measured: list[Measured]) -> float:
    costs = [m.cpu_ms for m in measured]
    return max(costs) / min(costs)


def _row(name: str, measured: Measured) -> tuple[str, ...]:
    return (name, number(measured.per_s), f"{measured.cpu_ms:.2f}", f"{measured.p50_s * 1000:.1f}", "–")


def _data(measured: Measured) -> dict[str, float]:
    return {name: getattr(measured, name) for name in Measured.__slots__}
