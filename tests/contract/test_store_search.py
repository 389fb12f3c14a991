"""The Store port: `find` over all collections of a name, `scan` of one collection."""

from __future__ import annotations

import pytest

from penstock.ports import REMOVE, Create, Delete, Merge, Store


async def put(store: Store, path: str, **fields: str | int) -> None:
    await store.commit([Create(path, fields)], timeout_s=10)


async def due(store: Store, low: str = "3#2026-01", high: str = "3#2026-07", limit: int = 10) -> list[str]:
    found = await store.find("requests", "due_at", low, high, limit=limit, timeout_s=10)
    return [snapshot.path for snapshot in found]


@pytest.fixture
async def three_tenants(store: Store) -> None:
    """Requests of several tenants, due at several times, and what must never be found among them."""
    await put(store, "tenants/a/requests/later", due_at="3#2026-06")
    await put(store, "tenants/b/requests/sooner", due_at="3#2026-02")
    await put(store, "tenants/c/requests/y", due_at="3#2026-04")
    await put(store, "tenants/b/requests/x", due_at="3#2026-04")
    await put(store, "tenants/a/requests/other-shard", due_at="4#2026-04")
    await put(store, "tenants/a/requests/at-rest", status="completed")
    await put(store, "tenants/a/requests/number", due_at=3)
    await put(store, "tenants/a/cache/k", due_at="3#2026-04")
    await put(store, "tenants/a/requests/later/orphans/o", due_at="3#2026-04")


@pytest.mark.usefixtures("three_tenants")
async def test_find_looks_through_all_tenants_in_order(store: Store) -> None:
    # I expect the range alone, of requests alone, by field and then by path
    assert await due(store) == [
        "tenants/b/requests/sooner",
        "tenants/b/requests/x",
        "tenants/c/requests/y",
        "tenants/a/requests/later",
    ]


@pytest.mark.usefixtures("three_tenants")
async def test_find_stops_at_its_limit(store: Store) -> None:
    assert await due(store, limit=2) == ["tenants/b/requests/sooner", "tenants/b/requests/x"]


@pytest.mark.usefixtures("three_tenants")
async def test_both_ends_of_the_range_belong_to_it(store: Store) -> None:
    assert await due(store, "3#2026-02", "3#2026-04") == [
        "tenants/b/requests/sooner",
        "tenants/b/requests/x",
        "tenants/c/requests/y",
    ]


@pytest.mark.usefixtures("three_tenants")
async def test_what_has_come_to_rest_or_gone_is_not_found(store: Store) -> None:
    await store.commit(
        [Merge("tenants/b/requests/x", {"due_at": REMOVE}), Delete("tenants/c/requests/y")], timeout_s=10
    )
    await store.commit([Merge("tenants/a/requests/at-rest", {"due_at": "3#2026-05"})], timeout_s=10)
    assert await due(store) == [
        "tenants/b/requests/sooner",
        "tenants/a/requests/at-rest",
        "tenants/a/requests/later",
    ]


async def test_followers_of_one_key_are_found(store: Store) -> None:
    await put(store, "tenants/a/requests/1", following="key-1")
    await put(store, "tenants/a/requests/2", following="key-2")
    await put(store, "tenants/a/requests/3", following="key-1")
    found = await store.find("requests", "following", "key-1", "key-1", limit=10, timeout_s=10)
    assert [snapshot.path[-1] for snapshot in found] == ["1", "3"]


async def test_what_is_found_carries_fields_and_version(store: Store) -> None:
    await put(store, "tenants/a/requests/1", open_since="0#2026", n=7)
    [found] = await store.find("requests", "open_since", "0#", "0#~", limit=1, timeout_s=10)
    [read] = await store.read(["tenants/a/requests/1"], timeout_s=10)
    assert (found.fields, found.version) == (read.fields, read.version)


async def test_nothing_is_found_in_an_empty_store(store: Store) -> None:
    assert await due(store) == []
    assert await store.scan("tenants/a/requests", after="", limit=5, timeout_s=10) == []


async def test_scan_walks_one_collection_by_id(store: Store) -> None:
    # Given a collection with ids that sort by bytes, a collection beside it and one below it
    for name in ("b", "a", "Z", "a.1", "a-1", "10", "9"):
        await put(store, f"tenants/a/requests/{name}")
    await put(store, "tenants/b/requests/other")
    await put(store, "tenants/a/requests/a/orphans/o")
    # If it is walked in pages of three
    pages: list[list[str]] = []
    after = ""
    while page := await store.scan("tenants/a/requests", after=after, limit=3, timeout_s=10):
        pages.append([snapshot.path.rpartition("/")[2] for snapshot in page])
        after = pages[-1][-1]
    # I expect each of its documents once, in order
    assert pages == [["10", "9", "Z"], ["a", "a-1", "a.1"], ["b"]]


async def test_a_top_level_collection_can_be_scanned(store: Store) -> None:
    await put(store, "totals/monday", n=1)
    [found] = await store.scan("totals", after="", limit=5, timeout_s=10)
    assert (found.path, found.fields) == ("totals/monday", {"n": 1})
