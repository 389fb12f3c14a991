"""What the checker may see: the provider's ledger, a dump of the store with what was written to it,
what the topics carried, the logs, and which faults were dealt. Nothing from inside the code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.money.lane import Lane
from penstock.ports import Snapshot
from penstock.targets.pace import Pace
from tests.chaos.adapters import Written
from tests.chaos.callback_receiver import Received
from tests.chaos.faults import Happened
from tests.chaos.provider import Call
from tests.chaos.world import INTERNAL, LETTERS, PUBLISHED, RESULTS, TOPICS, World

#: Of each tenant.
_COLLECTIONS = (
    *("requests", "usage", "tally", "runs", "callbacks", "batches"),
    *("cache", "similar", "evidence", "audits"),
)


@dataclass(frozen=True, slots=True)
class Carried:
    """One message that a topic carried."""

    message_id: str
    data: bytes
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The end of one run. Times are seconds of simulated time."""

    at_rest: bool
    calls: Sequence[Call]
    #: Every document by path.
    documents: Mapping[str, Mapping[str, Any]]
    written: Sequence[Written]
    published: Sequence[Carried]
    results: Sequence[Carried]
    letters: Sequence[Carried]
    happened: Sequence[Happened]
    crashes: Sequence[str]
    log: str
    #: The longest answer that a target asks for where a request says nothing of it.
    longest: Mapping[str, int] = field(default_factory=dict)
    #: What was written to the pages of runs, and what these have in the bucket, by address.
    paged: Sequence[Written] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    #: The price book's entry of each target, and the lane that its calls are made in.
    priced: Mapping[str, tuple[str, Lane]] = field(default_factory=dict)
    #: What endpoints were told.
    received: Sequence[Received] = ()
    #: The shared limits; and the targets whose lane waits, for a line of a batch is no call.
    paces: Sequence[Pace] = ()
    in_lane: frozenset[str] = frozenset()


async def collect(world: World, log: str) -> Evidence:
    """The evidence of a world that is not touched any more."""
    published = await _carried(world, PUBLISHED)
    results = await _carried(world, RESULTS)
    if TOPICS.internal in world.shape.stories:
        results += await _carried(world, INTERNAL)
    return Evidence(
        at_rest=await world.at_rest(),
        calls=world.ledger.calls,
        documents=await _dump(world, published),
        written=world.tap.written,
        published=published,
        results=results,
        letters=await _carried(world, LETTERS),
        happened=world.happened,
        crashes=world.crashes,
        log=log,
        longest={name: t.max_output for name, t in world.shape.routes.targets.items() if t.max_output},
        priced={
            name: (target.priced_as, Lane.BATCH if target.lane == "batch" else target.asked_in)
            for name, target in world.shape.routes.targets.items()
        },
        paged=world.tap.paged,
        received=world.receiver.arrived,
        paces=world.shape.paces,
        in_lane=frozenset(name for name, target in world.shape.routes.targets.items() if target.waits),
        blobs={
            path.as_uri(): path.read_bytes()
            for path in (world.folder / "blobs").glob("tenants/*/runs/**/*.blob")
        },
    )


async def _carried(world: World, subscription: str) -> list[Carried]:
    deliveries = await world.bus.pull(subscription, 1_000_000)
    await world.bus.nack(deliveries)  # whoever asks again sees them again
    return [Carried(d.envelope.message_id, d.envelope.data, d.envelope.attributes) for d in deliveries]


async def _dump(world: World, published: Sequence[Carried]) -> dict[str, Mapping[str, Any]]:
    """What the tenants have that the published messages name; and the money."""
    found: list[Snapshot] = []
    for tenant in sorted({"default", *(_tenant(carried) for carried in published)}):
        for collection in _COLLECTIONS:
            path = f"tenants/{tenant}/{collection}"
            found += await world.store.scan(path, after="", limit=1_000_000, timeout_s=10)
    for run in [snapshot for snapshot in found if "/runs/" in snapshot.path]:
        found += await world.store.scan(f"{run.path}/pages", after="", limit=1_000_000, timeout_s=10)
    found += await _money(world)
    return {snapshot.path: snapshot.fields or {} for snapshot in found}


async def _money(world: World) -> list[Snapshot]:
    """What budgets have left behind."""
    found: list[Snapshot] = []
    for collection in ("control", "accounts", "allotments", "doubts"):
        found += await world.store.scan(collection, after="", limit=1_000_000, timeout_s=10)
    for allotment in [snapshot for snapshot in found if snapshot.path.startswith("allotments/")]:
        found += await world.store.scan(f"{allotment.path}/drawn", after="", limit=100, timeout_s=10)
    return found


def _tenant(carried: Carried) -> str:
    try:
        body = json.loads(carried.data or b"{}")
    except ValueError:
        body = {}
    named = carried.attributes.get("tenant") or (body.get("tenant") if isinstance(body, dict) else None)
    return named or "default"
