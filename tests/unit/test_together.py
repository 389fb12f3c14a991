"""Commits that come together share a batch, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from penstock.adapters.stores.sqlite import SqliteStore
from penstock.clock import SystemClock
from penstock.errors import PreconditionFailed, StoreUnavailable
from penstock.paths import usage_path
from penstock.ports import Committed, Create, Increment, Merge, Update, Write
from penstock.together import Together


class _Counting(SqliteStore):
    """How many documents each batch wrote; `out` until it is let in again."""

    batches: list[int]
    changed: list[list[str]]
    out = False

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        self.batches.append(len(writes))
        self.changed.append([write.path for write in writes])
        await asyncio.sleep(0)
        if self.out:
            raise StoreUnavailable("Out.")
        return await super().commit(writes, timeout_s=timeout_s)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[_Counting]:
    store = _Counting(tmp_path, SystemClock())
    store.batches, store.changed = [], []
    yield store
    await store.close()


async def _created(store: _Counting, count: int) -> list[Write]:
    """An Update of each of `count` documents that are there."""
    done = await store.commit([Create(f"things/{n}", {"n": 0}) for n in range(count)], timeout_s=9)
    store.batches.clear()
    return [Update(f"things/{n}", {"n": 1}, version) for n, version in enumerate(done.versions) if version]


def _all(store: _Counting, updates: Sequence[Write], add: int = 1) -> list[asyncio.Task[None]]:
    together = Together()
    added = Merge("sums/all", {"things": Increment(add), "day": "2026-11-29"})
    return [asyncio.create_task(together.commit(store, [update, added], timeout_s=9)) for update in updates]


async def test_ten_that_come_at_once_are_eleven_writes_and_are_counted_ten_times(store: _Counting) -> None:
    # Given ten commits that add to one document
    updates = await _created(store, 10)

    # If they come in the same moment
    await asyncio.gather(*_all(store, updates))

    # I expect one batch of ten documents and the one that counts them
    assert store.batches == [11]
    [found] = await store.read(["sums/all"], timeout_s=9)
    assert found.fields == {"things": 10, "day": "2026-11-29"}


async def test_a_miss_of_eighty_that_are_confirmed_together_writes_at_most_five_and_a_fifth(
    store: _Counting,
) -> None:
    # Given eighty confirmations, each of which adds to one of its day's usage documents
    updates = await _created(store, 80)
    paths = [usage_path("t", f"r{n}", "2026-11-29", "m") for n in range(80)]
    adds = [Merge(path, {"requests": Increment(1)}) for path in paths]

    # If the first is under way when the others come
    together = Together()
    each = [together.commit(store, [one, add], timeout_s=9) for one, add in zip(updates, adds, strict=True)]
    first = asyncio.create_task(each[0])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.gather(first, *each[1:])

    # I expect two batches, and beside the four writes of a claim and a result little more than one
    assert len(store.batches) == 2
    assert 4 + sum(store.batches) / 80 <= 5.2


async def test_who_comes_while_a_batch_is_under_way_goes_with_the_next(store: _Counting) -> None:
    updates = await _created(store, 3)
    together, added = Together(), Merge("sums/all", {"things": Increment(1)})
    first = asyncio.create_task(together.commit(store, [updates[0], added], timeout_s=9))
    await asyncio.sleep(0)  # it is begun,
    await asyncio.sleep(0)  # and its batch is under way
    await asyncio.gather(first, *(together.commit(store, [u, added], timeout_s=9) for u in updates[1:]))
    assert store.batches == [2, 3]


async def test_one_that_is_refused_keeps_no_other_from_being_written(store: _Counting) -> None:
    # Given that one of three documents was changed by somebody else
    updates = await _created(store, 3)
    await store.commit([Merge("things/1", {"n": 7})], timeout_s=9)

    # If all three are committed together
    outcomes = await asyncio.gather(*_all(store, updates), return_exceptions=True)

    # I expect that it alone is refused, and that the others are counted
    assert [type(outcome) for outcome in outcomes] == [type(None), PreconditionFailed, type(None)]
    [found] = await store.read(["sums/all"], timeout_s=9)
    assert found.fields is not None
    assert found.fields["things"] == 2


async def test_a_store_that_is_out_of_reach_is_told_to_each(store: _Counting) -> None:
    updates = await _created(store, 2)
    store.out = True
    outcomes = await asyncio.gather(*_all(store, updates), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
    assert outcomes[0] is not outcomes[1]


async def test_one_that_is_cancelled_does_not_take_the_others_along(store: _Counting) -> None:
    updates = await _created(store, 2)
    gone, stays = _all(store, updates)
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    [found] = await store.read(["things/1"], timeout_s=9)
    assert found.fields == {"n": 1}


async def test_two_that_change_the_same_document_never_share_a_batch(store: _Counting) -> None:
    # Given a message that was delivered twice
    [update] = await _created(store, 1)

    # If both deliveries confirm in the same moment
    outcomes = await asyncio.gather(*_all(store, [update, update]), return_exceptions=True)

    # I expect that one does, and that it is counted once, however a store judges two writes of one batch
    assert [type(outcome) for outcome in outcomes] == [type(None), PreconditionFailed]
    assert all(len(set(paths)) == len(paths) for paths in store.changed)
    [found] = await store.read(["sums/all"], timeout_s=9)
    assert found.fields is not None
    assert found.fields["things"] == 1
