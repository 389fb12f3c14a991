"""`memory`: what an instance holds at 1, 80 and 250 requests in flight, and whether it grows."""

from __future__ import annotations

import asyncio
import contextlib

from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, number
from penstock_ops.bench.rig import Rig, question

_WIDTHS = (1, 80, 250)
#: Model time while the instance is watched, in seconds: long enough for all to be in flight.
_LATENCY_S = 1.0
#: More than this per 1,000 requests, after the warm-up, is growth: a quarter of a kibibyte a request.
_GROWTH_MIB = 0.25


async def run(rig: Rig, options: Options) -> Section:
    """Peak at each width, then the slope of a long run."""
    widths, blocks, block = (_WIDTHS[:2], 3, 100) if options.quick else (_WIDTHS, 8, 500)
    rows = []
    async with model_process(_LATENCY_S, rig.folder) as model_url:
        instance = Instance("request_handler", rig.env(model_url), rig.folder)
        options.step.expect(len(widths) + blocks)
        async with rig.running(instance):
            rows.append(("listening", number(instance.memory_mib())))
            for width in widths:
                options.step(f"{width} in flight")
                peak = await _peak(rig, instance, width)
                rows.append((f"{width} in flight, peak", number(peak)))
    samples = await _long_run(rig, blocks, block, options)
    slope = _slope(samples[1:]) / block * 1000
    rows += [(f"after {block * (n + 1):,} requests", number(mib)) for n, mib in enumerate(samples)]
    return Section(
        name="memory",
        title="Memory of one instance (proportional set size, gunicorn's parent included)",
        columns=("when", "MiB"),
        rows=rows,
        figures=[Figure("growth, MiB per 1,000 requests", slope, f"≤ {_GROWTH_MIB}", slope <= _GROWTH_MIB)],
        bars=[(f"{block * (n + 1):,}", mib) for n, mib in enumerate(samples)],
        notes=("Growth: the least-squares slope of the long run without its first block.",),
        data={"mib": dict(rows), "long_run_mib": samples, "block": block},
    )


async def _peak(rig: Rig, instance: Instance, width: int) -> float:
    """The most that was seen while `width` were in flight."""
    await rig.publish(question(f"m{width}-{n}") for n in range(2 * width))
    seen = [instance.memory_mib()]

    async def watch() -> None:
        while True:
            seen.append(instance.memory_mib())
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    async with rig.feed((rig.topology.request_subscription, instance, width)) as feeder:
        await feeder.until(2 * width)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return max(seen)


async def _long_run(rig: Rig, blocks: int, block: int, options: Options) -> list[float]:
    """Memory after each block of misses, by a fresh instance."""
    samples = []
    async with model_process(0.0, rig.folder) as model_url:
        instance = Instance("request_handler", rig.env(model_url), rig.folder)
        async with (
            rig.running(instance),
            rig.feed((rig.topology.request_subscription, instance, 20)) as feeder,
        ):
            for part in range(blocks):
                options.step(f"long run: {(part + 1) * block:,} requests")
                await rig.publish(question(f"long-{part}-{n}") for n in range(block))
                await feeder.until((part + 1) * block)
                samples.append(instance.memory_mib())
    return samples


def _slope(values: list[float]) -> float:
    """Least squares, per step."""
    mean_x, mean_y = (len(values) - 1) / 2, sum(values) / len(values)
    square = sum((x - mean_x) ** 2 for x in range(len(values)))
    return sum((x - mean_x) * (y - mean_y) for x, y in enumerate(values)) / square
