"""A database that has been in use: many finished requests, and some whose time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.paths import request_path, sharded
from penstock.ports import Put

_BATCH, _WIDTH = 400, 4
_LIMIT_S = 120.0


async def fill(store: FirestoreStore, sample: str, first: int, last: int) -> None:
    """Copies number `first` to `last` (exclusive) of the finished request `sample`, at rest."""
    done = await _fields(store, request_path("default", sample))
    at_rest = {name: value for name, value in done.items() if name not in ("due_at", "open_since")}
    at_rest |= {"confirmed_at": datetime.now(UTC)}
    turns = asyncio.Semaphore(_WIDTH)

    async def batch(start: int) -> None:
        names = [f"stored-{number}" for number in range(start, min(start + _BATCH, last))]
        writes = [Put(request_path("default", name), at_rest | {"request_id": name}) for name in names]
        async with turns:
            await store.commit(writes, timeout_s=_LIMIT_S)

    await asyncio.gather(*(batch(start) for start in range(first, last, _BATCH)))


async def make_due(store: FirestoreStore, sample: str, label: str, count: int) -> None:
    """`count` parked requests that the sweeper has to wake."""
    done = await _fields(store, request_path("default", sample))
    then = datetime.now(UTC) - timedelta(minutes=5)
    names = [f"due-{label}-{number}" for number in range(count)]
    writes = [Put(request_path("default", name), _parked(done, name, then)) for name in names]
    await store.commit(writes, timeout_s=_LIMIT_S)


def _parked(done: Mapping[str, Any], name: str, then: datetime) -> dict[str, Any]:
    due = sharded("default", name, then)
    fields = {
        key: value for key, value in done.items() if key not in ("result", "answer_key", "confirmed_at")
    }
    return fields | {
        "request_id": name,
        "state": "parked",
        "not_before": then,
        "due_at": due,
        "open_since": due,
    }


async def _fields(store: FirestoreStore, path: str) -> Mapping[str, Any]:
    [found] = await store.read([path], timeout_s=_LIMIT_S)
    return found.fields or {}
