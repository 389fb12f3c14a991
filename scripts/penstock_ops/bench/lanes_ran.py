"""Requests through each lane, on the emulators: what they read, write and compute, what answers cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from penstock.paths import BATCHES, PILES, request_path
from penstock.requests.record import State
from penstock_ops.bench import cores
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.rig import Rig
from penstock_ops.bench.trips import Trip, trip_of
from penstock_ops.bench.wire import Call, WireProxy
from penstock_ops.emulation.offline_lanes import MODEL, offline_lanes
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.topology import Topology

#: The price book's entry that answers are priced by.
PRICE = "gpt-5.4-nano"
#: Each lane is a route of its own, and the deadline that makes its requests go by it, in seconds.
LANES: dict[str, float | None] = {"sync": None, "flex": 1800.0, "background": None, "batch": 86_400.0}
_TOPIC = "llm-batches"
#: Our own waits are so much shorter: nobody measures those here. A write's limit is too, and must stay
#: above what the emulators take on a busy machine: what is tried again is counted again.
SCALE: Final = 6
_TARGETS = ("request_handler", "response_processor", "sweeper", "batcher")
#: Deliveries in flight of requests and results, and of batches.
_WIDTH, _BATCHES_AT_ONCE = 80, 4
_PATIENCE_S = 600.0
_IDLE_MINUTES = 4
#: How many documents one look reads.
_PAGE = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """`requests` of one lane, all together. `usd`: their answers; `cpu`: seconds by function."""

    lane: str
    requests: int
    trip: Trip
    cpu: Mapping[str, float]
    usd: float
    seconds: float

    @property
    def cpu_s(self) -> float:
        """Of all functions together."""
        return sum(self.cpu.values())

    def beside(self, idle: Ran) -> Ran:
        """What it took more than as long a time in which nothing was asked: the sweeper's minutes, mostly."""
        times = self.seconds / idle.seconds
        counts = {
            name: max(0, getattr(self.trip, name) - round(times * getattr(idle.trip, name)))
            for name in ("reads", "writes", "refused", "publishes")
        }
        cpu = {name: max(0.0, seconds - times * idle.cpu[name]) for name, seconds in self.cpu.items()}
        return replace(self, trip=Trip(**counts), cpu=cpu)


@dataclass
class LanesRig:
    """The functions of lanes, all of whose calls are noted."""

    rig: Rig
    functions: dict[str, Instance]
    calls: list[Call] = field(default_factory=list)

    async def ran(self, lane: str, count: int, *, begin: int = 0) -> Ran:
        """`count` questions that nobody asked before, numbered from `begin` on, until none is open.

        Raises OperatorFault.
        """
        began, before = time.monotonic(), self._cpu_s()
        self.calls.clear()
        ids = [f"{lane}-{number}" for number in range(begin, begin + count)]
        await self.rig.publish(_question(lane, name) for name in ids)
        usd = await self._done(lane, ids)
        seconds = time.monotonic() - began
        cpu = {name: after - before[name] for name, after in self._cpu_s().items()}
        return Ran(lane, count, trip_of(self.calls), cpu, usd, seconds)

    async def idle(self) -> Ran:
        """As long as some of the sweeper's minutes, in which nothing is asked."""
        began, before = time.monotonic(), self._cpu_s()
        self.calls.clear()
        await asyncio.sleep(_IDLE_MINUTES * 60 / SCALE)
        cpu = {name: after - before[name] for name, after in self._cpu_s().items()}
        return Ran("idle", 0, trip_of(self.calls), cpu, 0.0, time.monotonic() - began)

    def _cpu_s(self) -> dict[str, float]:
        return {name: function.cpu_s() for name, function in self.functions.items()}

    async def _done(self, lane: str, ids: list[str]) -> float:
        """What the answers of `ids` cost together, once all are confirmed and no batch is open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                usd, left = 0.0, list(ids)
                while left or await self._is_open():
                    await asyncio.sleep(0.5)
                    costs = await self._costs(left[:_PAGE])
                    usd += sum(costs.values())
                    left = [name for name in left if name not in costs]
                return usd
        raise OperatorFault(f"not every request of lane {lane} was answered within {_PATIENCE_S:g} s")

    async def _costs(self, names: list[str]) -> dict[str, float]:
        """In dollars, of those that are confirmed. Raises OperatorFault for one that failed."""
        paths = [request_path("default", name) for name in names]
        documents = await self.rig.store.read(paths, timeout_s=30) if paths else []
        costs = {}
        for name, found in zip(names, documents, strict=True):
            fields = found.fields or {}
            if fields.get("state") != State.TERMINAL.value or "confirmed_at" not in fields:
                continue
            if fields["result"]["status"] != "completed":
                raise OperatorFault(f"{name} ended {fields['result']['error']['reason']}")
            costs[name] = float(fields["result"]["cost"]["usd"])
        return costs

    async def _is_open(self) -> bool:
        for group in (PILES, BATCHES):
            found = await self.rig.store.scan(f"tenants/default/{group}", after="", limit=_PAGE, timeout_s=30)
            if any("open_since" in (one.fields or {}) for one in found):
                return True
        return False


def _question(lane: str, name: str) -> dict[str, object]:
    question: dict[str, object] = {
        "request_id": name,
        "prompt": f"Which team should answer {name}?",
        "model": lane,
    }
    return question if LANES[lane] is None else {**question, "max_wait_s": LANES[lane]}


@contextlib.asynccontextmanager
async def lanes_rig(machine: Rig) -> AsyncIterator[LanesRig]:
    """The functions, their emulators behind proxies that count, a model that has every lane."""
    topology = Topology(min_backoff_s=None, batches_topic=_TOPIC)
    rig, calls = Rig(machine.emulators, machine.folder, topology=topology), list[Call]()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(rig.open())
        url = await stack.enter_async_context(offline_lanes())
        pubsub = await stack.enter_async_context(WireProxy(rig.pubsub, calls.append))
        firestore = await stack.enter_async_context(WireProxy(rig.firestore, calls.append))
        env = rig.env(
            url, PUBSUB_EMULATOR_HOST=pubsub.host, FIRESTORE_EMULATOR_HOST=firestore.host,
            PENSTOCK_ROUTES=_routes(url), PENSTOCK_BATCHES_TOPIC=_TOPIC, PENSTOCK_TIME_SCALE=str(SCALE),
            OPENAI_API_KEY="offline",
        )  # fmt: skip
        functions = {target: Instance(target, env, rig.folder, on=cores.INSTANCE) for target in _TARGETS}
        await stack.enter_async_context(rig.running(*functions.values()))
        await stack.enter_async_context(
            rig.feed(
                (topology.request_subscription, functions["request_handler"], _WIDTH),
                (topology.response_subscription, functions["response_processor"], _WIDTH),
                (topology.batches_subscription, functions["batcher"], _BATCHES_AT_ONCE),
            )
        )
        minutes = asyncio.create_task(_minutes(rig, functions["sweeper"]))
        try:
            yield LanesRig(rig, functions, calls)
        finally:
            minutes.cancel()
            await asyncio.gather(minutes, return_exceptions=True)


async def _minutes(rig: Rig, sweeper: Instance) -> None:
    """Cloud Scheduler."""
    while True:
        await asyncio.sleep(60 / SCALE)
        await rig.push(sweeper, rig.envelope({}))


def _routes(url: str) -> str:
    usual = {"provider": "openai", "model": MODEL, "price": PRICE, "base_url": url, "max_output": 200}
    at_once, flex = usual | {"name": "at-once"}, usual | {"name": "flex", "service_tier": "flex"}
    batch, kept = usual | {"name": "batch", "lane": "batch"}, usual | {"name": "kept", "lane": "background"}
    routes = {
        "sync": {"targets": [at_once]},
        "flex": {"choose": "cheapest", "targets": [flex, at_once]},
        "background": {"targets": [kept]},
        "batch": {"choose": "cheapest", "targets": [batch, at_once]},
    }
    return json.dumps({"default": "sync", "routes": routes})
