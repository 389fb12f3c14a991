"""The Store port: transforms, and what a commit tells of them and of its time."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.errors import PreconditionFailed, WriteRefused
from penstock.ports import (
    REMOVE,
    Committed,
    Create,
    Delete,
    Increment,
    InOrder,
    Maximum,
    Merge,
    Put,
    ServerTime,
    Store,
    Transform,
    Update,
    Write,
)

DOC = "tenants/acme/requests/r1"
LARGEST, SMALLEST = 2**63 - 1, -(2**63)
CALLERS = 50


async def commit(store: Store, *writes: Write) -> Committed:
    return await store.commit(writes, timeout_s=60)


async def fields(store: Store, path: str = DOC) -> Any:
    [found] = await store.read([path], timeout_s=30)
    return found.fields


#: What was there (None: nothing), the transform, and what it leaves.
CASES: list[tuple[Any, Transform, Any]] = [
    (None, Increment(3), 3),
    (2, Increment(3), 5),
    (2, Increment(-5), -3),
    (1.5, Increment(3), 4.5),
    ("text", Increment(3), 3),
    (True, Increment(3), 3),
    (LARGEST, Increment(5), LARGEST),
    (SMALLEST + 1, Increment(-5), SMALLEST),
    (math.inf, Increment(1), math.inf),
    (None, Maximum(3), 3),
    (2, Maximum(3), 3),
    (5, Maximum(3), 5),
    (-5, Maximum(-7), -5),
    (3.0, Maximum(3), 3.0),
    (3.5, Maximum(3), 3.5),
    (3.5, Maximum(4), 4),
    ("text", Maximum(-3), -3),
    (True, Maximum(0), 0),
    (2, InOrder(Maximum(10), Increment(1)), 11),
    (20, InOrder(Maximum(10), Increment(1)), 21),
    (None, InOrder(Increment(1), Increment(2), Maximum(2)), 3),
]


@pytest.mark.parametrize(("old", "transform", "left"), CASES, ids=str)
async def test_a_transform_leaves_and_tells(store: Store, old: Any, transform: Transform, left: Any) -> None:
    await commit(store, Put(DOC, {"kept": 1} if old is None else {"kept": 1, "n": old}))
    committed = await commit(store, Merge(DOC, {"n": transform}))
    assert committed.results == [{"n": left}]
    assert type(committed.results[0]["n"]) is type(left)
    assert await fields(store) == {"kept": 1, "n": left}


@pytest.mark.parametrize("kind", [Create, Put])
async def test_a_whole_document_takes_transforms_of_nothing(store: Store, kind: Any) -> None:
    # Given, for a Put, a document with numbers of its own
    if kind is Put:
        await commit(store, Put(DOC, {"n": 100, "m": 100, "gone": 1}))
    # If a whole document with transforms is written
    write = kind(
        DOC, {"text": "t", "n": Increment(3), "m": Maximum(-4), "at": ServerTime(), "a.b": Increment(1)}
    )
    committed = await commit(store, write)
    # I expect them worked out from nothing, and told
    at = committed.results[0]["at"]
    assert committed.results == [{"n": 3, "m": -4, "at": at, "a.b": 1}]
    assert await fields(store) == {"text": "t", "n": 3, "m": -4, "at": at, "a.b": 1}


async def test_an_update_transforms_behind_its_version(store: Store) -> None:
    [version] = (await commit(store, Create(DOC, {"n": 1}))).versions
    change = {"n": Increment(1), "at": ServerTime(), "text": "new", "never": REMOVE}
    committed = await commit(store, Update(DOC, change, version))
    assert committed.results[0]["n"] == 2
    with pytest.raises(PreconditionFailed):
        await commit(store, Update(DOC, change, version))
    assert (await fields(store))["n"] == 2


async def test_results_are_told_write_by_write(store: Store) -> None:
    base = "tenants/t/several/"
    await commit(store, Create(f"{base}gone", {}))
    committed = await commit(
        store,
        Create(f"{base}a", {"n": 1}),
        Merge(f"{base}b", {"x": Increment(1), "y": Increment(2)}),
        Delete(f"{base}gone"),
        Put(f"{base}c", {"x": Increment(3)}),
    )
    assert committed.results == [{}, {"x": 1, "y": 2}, {}, {"x": 3}]
    assert [version is None for version in committed.versions] == [False, False, True, False]


async def test_a_transform_that_changes_nothing_makes_no_version(store: Store) -> None:
    [version] = (await commit(store, Create(DOC, {"n": 5}))).versions
    committed = await commit(store, Merge(DOC, {"n": InOrder(Increment(0), Maximum(3))}))
    assert (committed.versions, committed.results) == ([version], [{"n": 5}])


async def test_server_time_is_one_time_of_the_stores_clock(store: Store) -> None:
    [before] = await store.read([DOC], timeout_s=30)
    committed = await commit(
        store, Create(DOC, {"at": ServerTime(), "too": ServerTime()}), Merge("a/b", {"at": ServerTime()})
    )
    [after] = await store.read([DOC], timeout_s=30)
    at = committed.results[0]["at"]
    assert committed.results == [{"at": at, "too": at}, {"at": at}]
    assert after.fields == {"at": at, "too": at}
    assert at.tzinfo is not None
    assert at.microsecond % 1000 == 0
    # In milliseconds, so that it may seem a little earlier than the read before
    assert before.read_at - timedelta(milliseconds=1) < at <= committed.commit_time <= after.read_at
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


async def test_server_time_moves_on(store: Store) -> None:
    times = []
    for _ in range(5):
        committed = await commit(store, Merge(DOC, {"at": ServerTime()}))
        times.append(committed.results[0]["at"])
        await asyncio.sleep(0.002)
    assert times == sorted(set(times))


@pytest.mark.parametrize("by", [2**63, -(2**63) - 1])
@pytest.mark.parametrize("kind", [Increment, Maximum])
async def test_a_transform_past_64_bits_is_refused(store: Store, kind: Any, by: int) -> None:
    with pytest.raises(WriteRefused):
        await commit(store, Merge("a/fine", {"n": 1}), Merge(DOC, {"n": kind(by)}))
    assert await fields(store, "a/fine") is None


async def test_fifty_increments_are_fifty_numbers(store: Store) -> None:
    """Increment is a fetch-and-add: each caller learns what his own left."""

    async def add(caller: int) -> Any:
        own = Create(f"won/by{caller}", {"n": Increment(1)})
        committed = await commit(store, Merge("totals/today", {"n": Increment(2)}), own)
        return [result["n"] for result in committed.results]

    told = await asyncio.gather(*map(add, range(CALLERS)))
    assert sorted(total for total, _ in told) == list(range(2, 2 * CALLERS + 2, 2))
    assert {own for _, own in told} == {1}
    assert await fields(store, "totals/today") == {"n": 2 * CALLERS}


async def test_fifty_callers_get_fifty_slots_that_are_not_past(store: Store) -> None:
    """Each books one of the slots of a limit: its tail, or now where that is later, and one more."""
    await commit(store, Put("limits/l", {"tail": 95}))

    async def book(now: int) -> int:
        slot = {"tail": InOrder(Maximum(now), Increment(1))}
        committed = await store.commit([Merge("limits/l", slot)], timeout_s=60)
        return int(committed.results[0]["tail"])

    slots = await asyncio.gather(*(book(100) for _ in range(CALLERS)))
    assert sorted(slots) == list(range(101, 101 + CALLERS))


async def test_of_two_commits_on_one_document_the_later_tells_no_earlier_time(store: Store) -> None:
    async def add(_: int) -> tuple[int, datetime]:
        committed = await store.commit([Merge(DOC, {"n": Increment(1)})], timeout_s=60)
        return committed.results[0]["n"], committed.commit_time

    told = sorted(await asyncio.gather(*map(add, range(CALLERS))))
    assert [n for n, _ in told] == list(range(1, CALLERS + 1))
    assert [time for _, time in told] == sorted(time for _, time in told)
