"""What a run writes to Firestore, counted at the wire: its members, its pages, itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.paths import run_path
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.rig import Rig
from penstock_ops.bench.trips import trip_of
from penstock_ops.bench.wire import Call, WireProxy
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.topology import RUNS_AT_ONCE, Topology

RUNS_TOPIC = "llm-runs"
#: Deliveries in flight of members and of results.
_WIDTH = 80
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Writes:
    """Documents written and read by a whole run."""

    writes: int
    reads: int


async def count_writes(
    machine: Rig, model_url: str, items: int, pipeline: Mapping[str, Any]
) -> tuple[Writes, Writes]:
    """Of a run of `items` that nobody asked before, and of the same under another id."""
    topology = Topology(min_backoff_s=None, runs_topic=RUNS_TOPIC)
    rig = Rig(machine.emulators, machine.folder, topology=topology)
    calls: list[Call] = []
    async with rig.open(), _running(rig, model_url, calls):
        asked = [f"Ticket {number}" for number in range(items)]
        return (
            await _written(rig, calls, {"run_id": "once", "pipeline": pipeline, "items": asked}),
            await _written(rig, calls, {"run_id": "again", "pipeline": pipeline, "items": asked}),
        )


@contextlib.asynccontextmanager
async def _running(rig: Rig, model_url: str, calls: list[Call]) -> AsyncIterator[None]:
    """The functions of a run, Firestore behind a proxy that notes every call."""
    async with WireProxy(rig.firestore, calls.append) as firestore:
        env = rig.env(model_url, FIRESTORE_EMULATOR_HOST=firestore.host, PENSTOCK_RUNS_TOPIC=RUNS_TOPIC)
        handler, processor, runs = (
            Instance(target, env, rig.folder)
            for target in ("request_handler", "response_processor", "run_handler")
        )
        topology = rig.topology
        lanes = (
            (topology.request_subscription, handler, _WIDTH),
            (topology.response_subscription, processor, _WIDTH),
            (topology.internal_subscription, processor, _WIDTH),
            (topology.runs_subscription, runs, RUNS_AT_ONCE),
        )
        async with rig.running(handler, processor, runs), rig.feed(*lanes):
            yield


async def _written(rig: Rig, calls: list[Call], body: Mapping[str, Any]) -> Writes:
    calls.clear()
    await rig.bus.publish(RUNS_TOPIC, json.dumps(body).encode(), {}, timeout_s=60)
    await _done(rig, body["run_id"])
    trip = trip_of(calls)
    return Writes(trip.writes, trip.reads)


async def _done(rig: Rig, run_id: str) -> None:
    """Wait for the run's end. Raises OperatorFault."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                [found] = await rig.store.read([run_path("default", run_id)], timeout_s=10)
                if found.fields is not None and found.fields["state"] == "done":
                    return
                await asyncio.sleep(0.2)
    raise OperatorFault(f"the run {run_id} has not ended after {_PATIENCE_S:g} s")
