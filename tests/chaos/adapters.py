"""The shipped local adapters, seen through one instance: every call is a step that can go wrong.

The tap beside the store writes down what every commit did to a request's document, in order:
the checker's only way to see that fences grow and results stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import BlobUnavailable, PublishFailed, StoreUnavailable
from penstock.messages.completion import BlobRef
from penstock.ports import (
    Blobs,
    Bus,
    Committed,
    Create,
    Cursor,
    Merge,
    Near,
    Put,
    Snapshot,
    Store,
    Update,
    Vector,
    Write,
)
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance

#: Which delivery (instance/number) a coroutine works for: inherited by the tasks it starts.
DELIVERY: ContextVar[str] = ContextVar("DELIVERY", default="sweeper")


@dataclass(frozen=True, slots=True)
class Written:
    """What one committed write changed in one request's document."""

    at: float
    by: str
    path: str
    fields: Mapping[str, Any]


@dataclass(slots=True)
class Tap:
    """Every committed write to a request's document, oldest first; and the same of the pages of runs. `draws`
    counts those to allotments."""

    written: list[Written] = field(default_factory=list)
    paged: list[Written] = field(default_factory=list)
    draws: int = 0

    def note(self, writes: Sequence[Write]) -> None:
        now = asyncio.get_running_loop().time()
        for write in writes:
            collections = write.path.split("/")[2::2]
            self.draws += write.path.startswith("allotments/") and not collections
            noted = Create | Update if collections == ["requests"] else Create | Update | Put | Merge
            if isinstance(write, noted) and collections in (["requests"], ["runs", "pages"]):
                tapped = self.written if collections == ["requests"] else self.paged
                tapped.append(Written(now, DELIVERY.get(), write.path, write.fields))


class SimStore:
    """The Store port of one instance."""

    def __init__(self, store: Store, instance: Instance, tap: Tap) -> None:
        self._store = store
        self._instance = instance
        self._tap = tap

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        return await self._instance.step(
            "store.read", lambda: self._store.read(paths, timeout_s=timeout_s), _unavailable, timeout_s
        )

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        async def effect() -> Committed:
            committed = await self._store.commit(writes, timeout_s=timeout_s)
            self._tap.note(writes)
            return committed

        return await self._instance.step("store.commit", effect, _unavailable, timeout_s)

    async def find(
        self,
        group: str,
        field: str,
        low: str,
        high: str,
        *,
        after: Cursor | None = None,
        limit: int,
        timeout_s: float,
    ) -> list[Snapshot]:
        # A sweep asks every shard. What it finds may be old when it is used all the same: its commit travels.
        return await self._instance.step(
            f"store.find {field}",
            lambda: self._store.find(group, field, low, high, after=after, limit=limit, timeout_s=timeout_s),
            _unavailable,
            timeout_s,
            near=True,
        )

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        return await self._instance.step(
            f"store.count {field}",
            lambda: self._store.count(group, field, low, high, timeout_s=timeout_s),
            _unavailable,
            timeout_s,
        )

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        return await self._instance.step(
            "store.scan",
            lambda: self._store.scan(collection, after=after, limit=limit, timeout_s=timeout_s),
            _unavailable,
            timeout_s,
        )

    async def nearest(
        self, collection: str, scope: str, vector: Vector, *, limit: int, timeout_s: float
    ) -> list[Near]:
        return await self._instance.step(
            "store.nearest",
            lambda: self._store.nearest(collection, scope, vector, limit=limit, timeout_s=timeout_s),
            _unavailable,
            timeout_s,
        )

    async def close(self) -> None:
        """The world closes the store itself."""


class SimBus:
    """The Bus port of one instance."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        return await self._instance.step(
            f"publish {topic}",
            lambda: self._bus.publish(topic, data, attributes, timeout_s=timeout_s),
            _unpublished,
            timeout_s,
        )

    async def close(self) -> None:
        """The world closes the bus itself."""


class SimBlobs:
    """The Blobs port of one instance."""

    def __init__(self, blobs: Blobs, instance: Instance) -> None:
        self._blobs = blobs
        self._instance = instance

    async def put(self, name: str, data: bytes, *, timeout_s: float) -> BlobRef:
        return await self._instance.step(
            "blobs.put", lambda: self._blobs.put(name, data, timeout_s=timeout_s), _no_blobs, timeout_s
        )

    async def put_stream(self, name: str, chunks: AsyncIterable[bytes], *, timeout_s: float) -> BlobRef:
        return await self._instance.step(
            "blobs.put_stream",
            lambda: self._blobs.put_stream(name, chunks, timeout_s=timeout_s),
            _no_blobs,
            timeout_s,
        )

    async def get_range(self, ref: BlobRef, start: int, end: int, *, timeout_s: float) -> bytes:
        return await self._instance.step(
            "blobs.get_range",
            lambda: self._blobs.get_range(ref, start, end, timeout_s=timeout_s),
            _no_blobs,
            timeout_s,
        )

    async def get(self, ref: BlobRef, *, timeout_s: float) -> bytes:
        return await self._instance.step(
            "blobs.get", lambda: self._blobs.get(ref, timeout_s=timeout_s), _no_blobs, timeout_s
        )

    async def find(self, name: str, *, timeout_s: float) -> bytes | None:
        return await self._instance.step(
            "blobs.find", lambda: self._blobs.find(name, timeout_s=timeout_s), _no_blobs, timeout_s
        )

    async def look(self, name: str, *, timeout_s: float) -> tuple[BlobRef, int] | None:
        return await self._instance.step(
            "blobs.look", lambda: self._blobs.look(name, timeout_s=timeout_s), _no_blobs, timeout_s
        )

    async def link(self, ref: BlobRef, *, lasts_s: float, timeout_s: float) -> str:
        return await self._instance.step(
            "blobs.link",
            lambda: self._blobs.link(ref, lasts_s=lasts_s, timeout_s=timeout_s),
            _no_blobs,
            timeout_s,
        )

    async def delete(self, prefix: str, *, timeout_s: float) -> int:
        return await self._instance.step(
            "blobs.delete", lambda: self._blobs.delete(prefix, timeout_s=timeout_s), _no_blobs, timeout_s
        )

    async def close(self) -> None:
        """Nothing is held open."""


def _unavailable(fault: Fault) -> Exception:
    return StoreUnavailable(f"simulated: {fault}")


def _unpublished(fault: Fault) -> Exception:
    return PublishFailed(f"simulated: {fault}")


def _no_blobs(fault: Fault) -> Exception:
    return BlobUnavailable(f"simulated: {fault}")
