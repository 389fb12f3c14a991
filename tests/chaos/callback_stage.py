"""Callbacks on the stage of a world: an endpoint, and what it is told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.callbacks.endpoint import Endpoint
from penstock.callbacks.room import CallbacksRoom
from penstock.callbacks.seam import Callbacks
from penstock.callbacks.story import courier
from penstock.paths import endpoint_path, reach_path
from penstock.ports import Delete, Put
from tests.chaos.callback_receiver import Receives
from tests.chaos.stage import Stage
from tests.chaos.workload import ROUTES, Refuses
from tests.chaos.world import TOPICS, Shape, World

URL = "https://crm.example.com/hooks"


def with_callbacks(shape: Shape, receives: Receives | None = None) -> Shape:
    """The same deployment with callbacks switched on."""
    return replace(
        shape,
        rooms=(*shape.rooms, CallbacksRoom()),
        seams=(*shape.seams, Callbacks),
        stories={**shape.stories, TOPICS.callbacks: courier},
        receives=receives or shape.receives,
    )


def calling_back(receives: Receives | None = None) -> Shape:
    return with_callbacks(Shape(ROUTES, seed=1), receives)


def refusing(refuses: Refuses) -> Receives:
    """What a seed's endpoint answers."""
    left = itertools.cycle(refuses.answers)
    return lambda at: next(left) if at < refuses.until else 200


def in_turn(*statuses: int | None) -> Receives:
    """These, one a callback, then 200."""
    left = iter(statuses)
    return lambda at: next(left, 200)


async def register(world: World, tenant: str = "default", name: str = "crm", **more: Any) -> None:
    endpoint = Endpoint(tenant, name, URL, **more)
    await world.store.commit([Put(endpoint_path(tenant, name), endpoint.encode())], timeout_s=8)


async def callbacks(stage: Stage, tenant: str = "default") -> Sequence[Mapping[str, Any]]:
    """Their documents."""
    found = await stage.world.store.scan(f"tenants/{tenant}/callbacks", after="", limit=1000, timeout_s=8)
    return [one.fields for one in found if one.fields is not None]


async def reach(stage: Stage) -> Mapping[str, Any]:
    [found] = await stage.world.store.read([reach_path("default", "crm")], timeout_s=8)
    return found.fields or {}


async def set_reach(stage: Stage, **fields: Any) -> None:
    await stage.world.store.commit([Put(reach_path("default", "crm"), fields)], timeout_s=8)


async def switch_on(stage: Stage) -> None:
    """As `penstock endpoint enable`."""
    await stage.world.store.commit([Delete(reach_path("default", "crm"))], timeout_s=8)
