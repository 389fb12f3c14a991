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
from penstock_ops.bench.paced_scale import PER_PROCESS_S, Paced, flatness, paced
from penstock_ops.bench.report import Figure, Section, median, number
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.stored import fill, make_due
from penstock_ops.bench.trips import counting
from penstock_ops.terminal.faults import OperatorFault

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


@dataclass(frozen=True, slots=True)
class Beside:
    """Beside so much that is stored. `ratio`: its CPU per request over that in an empty project, by turns,
    since the machine's speed drifts while a store is filled. `sweep_s` None: the emulator was too slow.
    """

    measured: Measured
    ratio: float
    sweep_s: float | None


async def run(rig: Rig, options: Options) -> Section:
    """Processes, paced and then full; stored requests, the sweeper among them; who writes what."""
    rounds, seconds = (1, 4.0) if options.quick else (4, 6.0)
    count, stored = (100, _STORED[:1]) if options.quick else (400, _STORED)
    options.step.expect(rounds * len(_PROCESSES) + len(_PROCESSES) + 2 * len(stored) + 1)
    async with model_process(0.0, rig.folder) as model_url:
        evenly = await paced(rig, model_url, _PROCESSES, rounds, seconds, options)
        full = {n: await _with_processes(rig, model_url, n, count, options) for n in _PROCESSES}
        sizes = await _with_stored(rig, model_url, stored, count, options)
    options.step("which documents two requests write")
    shared, prefixes, requests = await _writers(rig, 8 if options.quick else 48)
    rows = [_paced_row(n, measured) for n, measured in evenly.items()]
    rows += [_row(f"{_named(n)}, full topic", measured) for n, measured in full.items()]
    rows += [
        (
            *_row(f"{size:,} stored", beside.measured)[:4],
            "too slow" if beside.sweep_s is None else f"{beside.sweep_s:.3f}",
        )
        for size, beside in sizes.items()
    ]
    processes_f = flatness([measured.cpu for measured in evenly.values()])
    figures = [
        Figure(
            f"CPU per request at {PER_PROCESS_S}/s each, most / least of {', '.join(map(str, _PROCESSES))}",
            processes_f,
            f"≤ {_FLAT}",
            processes_f <= _FLAT,
        ),
        Figure("the same with a full topic", flatness([measured.cpu_ms for measured in full.values()])),
        *(
            Figure(
                f"CPU per request beside {size:,} stored / in an empty project, by turns",
                beside.ratio,
                f"≤ {_FLAT}",
                beside.ratio <= _FLAT,
            )
            for size, beside in sizes.items()
        ),
        Figure("documents written by two requests, usage shards apart", len(shared), "0", not shared),
        Figure(f"index prefixes used by {requests} requests, of 16", prefixes),
    ]
    return Section(
        name="scale",
        title=f"Beside more processes ({rounds} rounds of {seconds:g} s; {count} misses in a full topic), "
        "and beside more stored requests",
        columns=("setting", "requests/s", "CPU ms a request", "p50 ms", f"sweep of {_DUE} due, s"),
        rows=rows,
        figures=figures,
        notes=(
            f"{PER_PROCESS_S}/s each: the same paced rate for every process, all on one core, the "
            "emulators on the others; whether the cost is flat is judged by these rows. Full topic: every "
            "process takes what it can on all cores, competing with the emulators and the other processes; "
            "requests/s cannot grow beyond the machine. Neither shows what many machines, or the services "
            "themselves at a thousand requests a second, would do. The Firestore emulator has no indexes: "
            "its queries read every document, and a sweep over many stored ones runs out of time.",
        ),
        data={
            "paced": {n: {"cpu_ms": m.cpu_ms, "p50_s": m.p50_s} for n, m in evenly.items()},
            "processes": {n: _data(measured) for n, measured in full.items()},
            "stored": {
                size: _data(beside.measured) | {"ratio": beside.ratio, "sweep_s": beside.sweep_s}
                for size, beside in sizes.items()
            },
        },
    )


async def _with_processes(rig: Rig, model_url: str, processes: int, count: int, options: Options) -> Measured:
    options.step(f"{_named(processes)}, a full topic")
    instances = [
        Instance("request_handler", rig.env(model_url), rig.folder, on=_ALL) for _ in range(processes)
    ]
    async with rig.running(*instances):
        return await _measure(rig, instances, f"p{processes}", count)


async def _with_stored(
    machine: Rig, model_url: str, sizes: tuple[int, ...], count: int, options: Options
) -> dict[int, Beside]:
    """In a project of its own: a sweep would wake what the rows before left unconfirmed in theirs."""
    found = {}
    async with _project(machine) as rig, _project(machine) as empty:
        env = rig.env(model_url)
        handler, sweeper = (Instance(target, env, rig.folder) for target in ("request_handler", "sweeper"))
        bare = Instance("request_handler", empty.env(model_url), rig.folder)
        async with rig.running(handler, sweeper, bare):
            await rig.push(handler, rig.envelope(question("sample")))
            await _sweep(rig, sweeper)  # imports, connections
            before = 0
            for size in sizes:
                options.step(f"filling up to {size:,} stored requests")
                await fill(rig.store, "q-sample", before, size)
                before = size
                options.step(f"beside {size:,} stored requests")
                await rig.drop_waiting(rig.topology.request_subscription)  # the last sweep's wakes
                pairs = [
                    (
                        await _measure(rig, [handler], f"s{size}-{turn}", count, parts=1),
                        await _measure(empty, [bare], f"e{size}-{turn}", count, parts=1),
                    )
                    for turn in range(3)
                ]
                ratio = median([beside.cpu_ms / alone.cpu_ms for beside, alone in pairs])
                swept = await _swept(rig, handler, sweeper, str(size))
                found[size] = Beside(_medians([beside for beside, _ in pairs]), ratio, swept)
    return found


def _project(rig: Rig) -> contextlib.AbstractAsyncContextManager[Rig]:
    return Rig(rig.emulators, rig.folder).open()


async def _measure(
    rig: Rig, instances: list[Instance], label: str, count: int, *, parts: int = 3
) -> Measured:
    """Median of the parts, after a warm-up."""
    routes = [(rig.topology.request_subscription, instance, _WIDTH) for instance in instances]
    found = []
    async with rig.feed(*routes) as feeder:
        for index, instance in enumerate(instances):  # imports, connections
            await rig.push(instance, rig.envelope(question(f"{label}-first-{index}")))
        await rig.publish(question(f"{label}-warm-{n}") for n in range(_WIDTH * len(instances)))
        done = len(await feeder.until(_WIDTH * len(instances)))
        for part in range(parts):
            cpu, started = sum(instance.cpu_s() for instance in instances), time.monotonic()
            await rig.publish(question(f"{label}-{part}-{n}") for n in range(count))
            deliveries = (await feeder.until(done + count))[done:]
            done += count
            cpu_ms = (sum(instance.cpu_s() for instance in instances) - cpu) / count * 1000
            per_s = count / (max(d.ended for d in deliveries) - started)
            found.append(Measured(per_s, cpu_ms, median([d.seconds for d in deliveries])))
    return _medians(found)


def _medians(found: list[Measured]) -> Measured:
    return Measured(*(median([getattr(one, name) for one in found]) for name in Measured.__slots__))


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
    async with counting(rig, away_s=0) as bench:
        for request in range(requests):
            before = len(bench.history)
            await bench.miss(f"writer-{request}")
            for call in bench.history[before:]:
                for path in call.written:
                    writers[path].add(request)
        prefixes = {value[:2] for call in bench.history for value in call.indexed}
    shared = [path for path, by in writers.items() if len(by) > 1 and "/usage/" not in path]
    return shared, len(prefixes), requests


def _named(processes: int) -> str:
    return f"{processes} process{'' if processes == 1 else 'es'}"


def _paced_row(processes: int, measured: Paced) -> tuple[str, ...]:
    name = f"{_named(processes)}, {PER_PROCESS_S}/s each"
    p50 = f"{measured.p50 * 1000:.1f}"
    return (name, number(PER_PROCESS_S * processes), f"{measured.cpu:.2f}", p50, "–")


def _row(name: str, measured: Measured) -> tuple[str, ...]:
    return (name, number(measured.per_s), f"{measured.cpu_ms:.2f}", f"{measured.p50_s * 1000:.1f}", "–")


def _data(measured: Measured) -> dict[str, float]:
    return {name: getattr(measured, name) for name in Measured.__slots__}
