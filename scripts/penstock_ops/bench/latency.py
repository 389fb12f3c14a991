"""`latency`: publish → result at several rates, beside the same path with an empty handler in it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.pacer import paced
from penstock_ops.bench.report import Figure, Section, median, percentile
from penstock_ops.bench.rig import Rig, question

_RATES = (10, 50, 100)
_SHARES = (0.5, 0.95, 0.99)
_EMPTY = Path(__file__).parent / "reference" / "empty.py"
_PATHS = ("ours", "empty")


async def run(rig: Rig, options: Options) -> Section:
    """Rounds of: each rate through ours, then through the empty handler. The model takes no time."""
    rounds, seconds = (1, 3.0) if options.quick else (3, 6.0)
    found: dict[tuple[int, str], list[list[float]]] = defaultdict(list)
    async with model_process(0.0, rig.folder) as model_url:
        instances = {
            "ours": Instance("request_handler", rig.env(model_url), rig.folder),
            "empty": Instance("echo", rig.env(model_url), rig.folder, source=_EMPTY),
        }
        options.step.expect(rounds * len(_RATES) * len(_PATHS))
        async with rig.running(*instances.values()):
            for path, instance in instances.items():
                await _through(rig, instance, f"warm-{path}", 20, 40)
            for part in range(rounds):
                for rate in _RATES:
                    for path, instance in instances.items():
                        options.step(f"round {part + 1}: {rate}/s, {path}")
                        label = f"{path}-{rate}-{part}"
                        latencies = await _through(rig, instance, label, rate, round(rate * seconds))
                        found[rate, path].append([percentile(latencies, share) for share in _SHARES])
    return _section(found, rounds)


async def _through(rig: Rig, instance: Instance, label: str, rate: float, count: int) -> list[float]:
    async with rig.feed((rig.topology.request_subscription, instance, 500)) as feeder:
        # One request ahead, so that the bridge's stream stands before the clock runs.
        await rig.publish([question(f"{label}-ahead")])
        await feeder.until(1)
        return await paced(rig.project, rig.pubsub, rate, count, label)


def _section(found: dict[tuple[int, str], list[list[float]]], rounds: int) -> Section:
    medians = {
        key: [median([measured[index] for measured in runs]) * 1000 for index in range(len(_SHARES))]
        for key, runs in found.items()
    }
    rows = [
        (f"{rate}/s, {path}", *(f"{ms:.1f}" for ms in medians[rate, path]))
        for rate in _RATES
        for path in _PATHS
    ]
    added = {
        rate: [a - b for a, b in zip(medians[rate, "ours"], medians[rate, "empty"], strict=True)]
        for rate in _RATES
    }
    rows += [(f"{rate}/s, added", *(f"{ms:.1f}" for ms in added[rate])) for rate in _RATES]
    return Section(
        name="latency",
        title=f"Publish → result in ms, no model time, medians of {rounds} rounds",
        columns=("rate and path", "p50", "p95", "p99"),
        rows=rows,
        figures=[Figure(f"added at {rate}/s, p50 ms", added[rate][0]) for rate in _RATES],
        notes=(
            "empty: the same topics, bridge and server, with a handler that publishes the message as its own "
            "result. The emulators, the bridge and the clock of this measurement share one core.",
        ),
        data={"ms": {f"{rate}/{path}": values for (rate, path), values in medians.items()}},
    )
