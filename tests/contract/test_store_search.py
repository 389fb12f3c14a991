"""The Store port: `find` over all collections of a name, `scan` of one collection."""

from __future__ import annotations

import asyncio

import pytest

from penstock.ports import REMOVE, Create, Cursor, Delete, Merge, Put, Snapshot, Store


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


#: More than one page of documents with one and the same value: they can be told apart by their paths alone.
EQUAL = 250


async def fill(store: Store, names: list[str]) -> None:
    writes = [Put(f"tenants/{name}/requests/r", {"due_at": "3#2026-04"}) for name in names]
    for start in range(0, len(writes), 50):
        await store.commit(writes[start : start + 50], timeout_s=30)


async def page(store: Store, after: Cursor | None, limit: int = 100) -> list[Snapshot]:
    return await store.find("requests", "due_at", "3#", "3#~", after=after, limit=limit, timeout_s=30)


def cursor(found: Snapshot) -> Cursor:
    return Cursor((found.fields or {})["due_at"], found.path)


async def test_equal_keys_are_paged_whole_and_without_repeats(store: Store) -> None:
    await fill(store, [f"t{n:03}" for n in range(EQUAL)])
    await put(store, "tenants/a/requests/before", due_at="3#2026-03")
    await put(store, "tenants/a/requests/behind", due_at="3#2026-05")
    paths: list[str] = []
    after = None
    while found := await page(store, after):
        paths += [snapshot.path for snapshot in found]
        after = cursor(found[-1])
    equal = [f"tenants/t{n:03}/requests/r" for n in range(EQUAL)]
    assert paths == ["tenants/a/requests/before", *equal, "tenants/a/requests/behind"]


async def test_paging_misses_and_repeats_nothing_while_documents_are_added(store: Store) -> None:
    # Given documents of one value, and others that are added before, between and behind them meanwhile
    old, new = [f"t{n:03}" for n in range(EQUAL)], [f"t{n:03}x" for n in range(EQUAL)]
    await fill(store, old)
    adding = asyncio.create_task(fill(store, new))
    # If they are paged in small pages
    seen: list[str] = []
    after = None
    while found := await page(store, after, limit=20):
        seen += [snapshot.path.split("/")[1] for snapshot in found]
        after = cursor(found[-1])
        await asyncio.sleep(0)
    await adding
    # I expect each of the first ones once, and none of the others twice
    assert [name for name in seen if len(name) == 4] == old
    assert len(seen) == len(set(seen))


async def test_a_cursor_need_not_be_there_any_more(store: Store) -> None:
    await fill(store, ["a", "b", "c"])
    await store.commit([Delete("tenants/b/requests/r")], timeout_s=10)
    found = await page(store, Cursor("3#2026-04", "tenants/b/requests/r"))
    assert [snapshot.path for snapshot in found] == ["tenants/c/requests/r"]


async def test_a_cursor_keeps_within_the_range(store: Store) -> None:
    await fill(store, ["a", "b"])
    assert len(await page(store, Cursor("0#", "tenants/z/requests/r"))) == 2
    assert await page(store, Cursor("9#", "tenants/a/requests/r")) == []


async def test_paths_are_in_the_order_of_their_segments(store: Store) -> None:
    """As Firestore has them: a tenant's are together, before those of a tenant whose name goes on."""
    names = ["a-b", "a", "a.b", "ab", "A", "a~", "ä"]
    await fill(store, names)
    found = [snapshot.path.split("/")[1] for snapshot in await page(store, None)]
    assert found == ["A", "a", "a-b", "a.b", "ab", "a~", "ä"]
    behind = await page(store, Cursor("3#2026-04", "tenants/a/requests/r"))
    assert [snapshot.path.split("/")[1] for snapshot in behind] == found[2:]


@pytest.mark.usefixtures("three_tenants")
@pytest.mark.parametrize(
    ("low", "high"),
    [("3#2026-01", "3#2026-07"), ("3#2026-02", "3#2026-04"), ("", "~"), ("5", "9"), ("4", "3")],
)
async def test_a_count_is_as_much_as_is_found(store: Store, low: str, high: str) -> None:
    found = await store.find("requests", "due_at", low, high, limit=1000, timeout_s=10)
    assert await store.count("requests", "due_at", low, high, timeout_s=10) == len(found)


async def test_a_count_follows_every_write(store: Store) -> None:
    async def counted() -> int:
        return await store.count("requests", "due_at", "3#", "3#~", timeout_s=10)

    assert await counted() == 0
    await fill(store, [f"t{n:03}" for n in range(EQUAL)])
    assert await counted() == EQUAL
    await store.commit(
        [
            Merge("tenants/t000/requests/r", {"due_at": REMOVE}),
            Delete("tenants/t001/requests/r"),
            Put("tenants/t002/requests/r", {"n": 1}),
            Put("tenants/t003/requests/r", {"due_at": 3}),
            Merge("tenants/t004/requests/r", {"due_at": "9#"}),
            Merge("tenants/t005/requests/r", {"n": 1}),
        ],
        timeout_s=10,
    )
    assert await counted() == EQUAL - 5
    await store.commit([Put("tenants/t001/requests/r", {"due_at": "3#"})], timeout_s=10)
    assert await counted() == EQUAL - 4
