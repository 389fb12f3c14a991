"""`cpu`: CPU per request through the functions, beside the same client calls made bare in the same round."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from penstock_ops.bench import floor
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, number, spread
from penstock_ops.bench.rig import Rig, question

#: What is aimed at: ours over its floor.
MOST = 1.25
#: The model's time, and the requests in flight: a busy instance that waits now and then.
_LATENCY_S, _WIDTH = 0.05, 20
_EMPTY = Path(__file__).parent / "reference" / "empty.py"
_USUAL = "usual clients, bare"
_FLOORS = {"floor": "floor", "usual_floor": _USUAL}
_PARTS = ["claim", "call", "save", "publish", "lookup"]


@dataclass
class Load:
    """Functions on the instance's core, and requests put through them."""

    rig: Rig
    model_url: str
    handler: Instance
    processor: Instance
    empty: Instance
    width: int = _WIDTH
    #: Requests published so far: every question is new.
    asked: int = 0
    backlog: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def misses(self, count: int, handler: Instance | None = None) -> float:
        """CPU milliseconds of request_handler, or of another one, per request, `count` new questions."""
        self.asked += count
        bodies = [question(f"{self.asked}-{n}") for n in range(count)]
        return await self._through(handler or self.handler, bodies)

    async def hits(self, count: int) -> float:
        """The same for questions that were answered before."""
        self.asked += count
        bodies = [question("known") | {"request_id": f"hit-{self.asked}-{n}"} for n in range(count)]
        return await self._through(self.handler, bodies)

    async def nothing(self, count: int) -> float:
        """The same for a handler that does nothing."""
        self.asked += count
        return await self._through(self.empty, [question(f"{self.asked}-{n}") for n in range(count)])

    async def confirmations(self, count: int, processor: Instance | None = None) -> float:
        """CPU milliseconds of response_processor, or of another one, per result, for `count` that wait."""
        topology = self.rig.topology
        return await self._fed(topology.response_subscription, processor or self.processor, count)

    async def _through(self, instance: Instance, bodies: list[dict[str, str]]) -> float:
        await self.rig.publish(bodies)
        return await self._fed(self.rig.topology.request_subscription, instance, len(bodies))

    async def _fed(self, subscription: str, instance: Instance, count: int) -> float:
        before = instance.cpu_s()
        async with self.rig.feed((subscription, instance, self.width)) as feeder:
            await feeder.until(count)
        return (instance.cpu_s() - before) / count * 1000

    async def floor(self, kinds: list[str], count: int, through: str = "floor") -> dict[str, float]:
        """CPU milliseconds per request of bare client calls, `through` our adapters or the usual clients."""
        hosts = (self.rig.firestore, self.rig.pubsub)
        return await floor.measured(
            self.rig.project, hosts, self.model_url, "q-known",
            kinds=kinds, count=count, width=self.width, through=through,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def loaded(rig: Rig, *, latency_s: float = _LATENCY_S) -> AsyncIterator[Load]:
    """The functions, warm: imports done, connections open, one known question answered."""
    async with model_process(latency_s, rig.folder) as model_url:
        env = rig.env(model_url)
        handler, processor = (
            Instance("request_handler", env, rig.folder),
            Instance("response_processor", env, rig.folder),
        )
        empty = Instance("empty", env, rig.folder, source=_EMPTY)
        async with rig.running(handler, processor, empty):
            load = Load(rig, model_url, handler, processor, empty)
            await rig.publish([question("known")])
            await load._fed(rig.topology.request_subscription, handler, 1)
            for warm in (load.misses, load.hits, load.nothing):
                await warm(2 * load.width)
            await load.confirmations(1 + 4 * load.width)
            yield load


async def run(rig: Rig, options: Options) -> Section:
    """Rounds of ours, floor, ours, floor …; each ratio is of one round, the figure is their median."""
    rounds, count = (2, 100) if options.quick else (5, 400)
    found: dict[str, list[float]] = defaultdict(list)
    options.step("warm-up")
    async with loaded(rig) as load:
        options.step.expect(6 * rounds)
        for number in range(1, rounds + 1):
            options.step(f"round {number}: misses")
            found["miss"].append(await load.misses(count))
            for through, kinds in (("floor", ["miss", "hit", *_PARTS]), ("usual_floor", ["miss", "hit"])):
                options.step(f"round {number}: {_FLOORS[through]}")
                for kind, ms in (await load.floor(kinds, count, through)).items():
                    found[f"{_FLOORS[through]}: {kind}"].append(ms)
            options.step(f"round {number}: hits")
            found["hit"].append(await load.hits(count))
            options.step(f"round {number}: the empty function")
            found["server"].append(await load.nothing(count))
            options.step(f"round {number}: results")
            found["response_processor"].append(await load.confirmations(2 * count))
    return _section(found, rounds, count)


def _section(found: dict[str, list[float]], rounds: int, count: int) -> Section:
    ratios = {}
    for kind in ("miss", "hit"):
        bare = found[f"floor: {kind}"]
        served = [a + b for a, b in zip(bare, found["server"], strict=True)]
        ratios[f"{kind} / floor"] = _ratio(found[kind], bare)
        ratios[f"{kind} / (floor + empty function)"] = _ratio(found[kind], served)
        ratios[f"{kind} / {_USUAL}"] = _ratio(found[kind], found[f"{_USUAL}: {kind}"])
    rows = [(_NAMES.get(name, name), spread(values)) for name, values in found.items()]
    rows += [(name, number(value)) for name, value in ratios.items()]
    return Section(
        name="cpu",
        title=f"CPU per request, {rounds} rounds of {count}, {_WIDTH} in flight",
        columns=("what", "CPU ms: median (lowest–highest)"),
        rows=rows,
        figures=[
            Figure(name, value, f"≤ {MOST}" if name.endswith("/ floor") else "", _verdict(name, value))
            for name, value in ratios.items()
        ],
        notes=(
            "floor: the same client calls, bare, through the same adapters, in a process of their own. It "
            "receives nothing; what receiving a push costs is the empty function's line. usual clients: the "
            "same calls, just as bare, through Firestore's AsyncClient, AsyncOpenAI (no retries) and "
            "PublisherClient, as people write them.",
        ),
        data={"rounds": dict(found), "ratios": ratios},
    )


def _verdict(name: str, value: float) -> bool | None:
    return value <= MOST if name.endswith("/ floor") else None


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median([a / b for a, b in zip(ours, theirs, strict=True)])


_NAMES = {
    "miss": "request_handler, miss",
    "hit": "request_handler, hit",
    "server": "empty function on functions-framework",
    "response_processor": "response_processor, per result",
}
