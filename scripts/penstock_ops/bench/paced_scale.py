"""Weak scaling: every process gets the same paced rate; more of them are more work, not more queue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from penstock_ops.bench.instance import Instance
from penstock_ops.bench.lane import Pace
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import median
from penstock_ops.bench.rig import Rig, question

#: Requests a second of each process: far from filling the machine even with all of them.
PER_PROCESS_S = 20
#: Pushed to each process beforehand: imports, connections.
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Paced:
    """Rounds of one number of processes: CPU milliseconds per request, and the median delivery's seconds."""

    cpu_ms: list[float]
    p50_s: list[float]

    @property
    def cpu(self) -> float:
        return median(self.cpu_ms)

    @property
    def p50(self) -> float:
        return median(self.p50_s)


async def paced(
    rig: Rig, model_url: str, processes: tuple[int, ...], rounds: int, seconds: float, options: Options
) -> dict[int, Paced]:
    """By number of processes, the numbers in turn within a round; all on the instance's core.

    There they compete with one another, but not with the emulators. With each round others of them are used.
    """
    most = max(processes)
    instances = [Instance("request_handler", rig.env(model_url), rig.folder) for _ in range(most)]
    cpu_ms: dict[int, list[float]] = defaultdict(list)
    p50_s: dict[int, list[float]] = defaultdict(list)
    async with rig.running(*instances):
        for index, instance in enumerate(instances):
            for number in range(_WARM_UP):
                await rig.push(instance, rig.envelope(question(f"paced-{index}-warm-{number}")))
        for part in range(rounds):
            for count in processes:
                options.step(f"round {part + 1}: {PER_PROCESS_S}/s for each of {count}")
                used = [instances[(part + index) % most] for index in range(count)]
                cpu, p50 = await _stream(rig, used, f"paced-{part}-{count}", seconds)
                cpu_ms[count].append(cpu)
                p50_s[count].append(p50)
    return {count: Paced(cpu_ms[count], p50_s[count]) for count in processes}


async def _stream(rig: Rig, used: list[Instance], label: str, seconds: float) -> tuple[float, float]:
    per_s = PER_PROCESS_S * len(used)
    pace = Pace(per_s, round(per_s * seconds))
    await rig.publish(question(f"{label}-{number}") for number in range(pace.held))
    before = sum(instance.cpu_s() for instance in used)
    async with rig.stream(used, pace) as feeder:
        deliveries = await feeder.until(pace.held)
    cpu_ms = (sum(instance.cpu_s() for instance in used) - before) / pace.held * 1000
    return cpu_ms, median([delivery.seconds for delivery in deliveries])


def flatness(costs: list[float]) -> float:
    """The dearest over the cheapest."""
    return max(costs) / min(costs)
