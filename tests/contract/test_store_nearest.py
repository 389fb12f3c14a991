"""The Store port: `nearest`, by the cosine of two vectors."""

from __future__ import annotations

import pytest

from penstock.errors import WriteRefused
from penstock.ports import Create, Delete, Merge, Put, Store, Vector

PLACE = "tenants/a/similar"


async def put(store: Store, path: str, scope: str, *numbers: float) -> None:
    await store.commit([Create(path, {"scope": scope, "vector": Vector(numbers)})], timeout_s=10)


async def near(store: Store, *numbers: float, scope: str = "s", limit: int = 3) -> list[str]:
    found = await store.nearest(PLACE, scope, Vector(numbers), limit=limit, timeout_s=10)
    return [one.snapshot.path.rpartition("/")[2] for one in found]


async def test_the_nearest_come_first_and_no_more_than_are_wanted(store: Store) -> None:
    await put(store, f"{PLACE}/same", "s", 2.0, 0.0)  # by their angle alone
    await put(store, f"{PLACE}/close", "s", 1.0, 0.5)
    await put(store, f"{PLACE}/across", "s", 0.0, 1.0)
    await put(store, f"{PLACE}/opposite", "s", -1.0, 0.0)
    assert await near(store, 1.0, 0.0) == ["same", "close", "across"]
    found = await store.nearest(PLACE, "s", Vector((1.0, 0.0)), limit=4, timeout_s=10)
    assert [one.cosine for one in found] == pytest.approx([1.0, 0.894427, 0.0, -1.0], abs=1e-6)


async def test_another_scope_and_another_collection_are_never_found(store: Store) -> None:
    await put(store, f"{PLACE}/other-scope", "t", 1.0, 0.0)
    await put(store, "tenants/b/similar/other-tenant", "s", 1.0, 0.0)
    await put(store, "tenants/a/cache/other-kind", "s", 1.0, 0.0)
    await put(store, f"{PLACE}/far/similar/below", "s", 1.0, 0.0)
    assert await near(store, 1.0, 0.0) == []
    await put(store, f"{PLACE}/far", "s", -1.0, 0.0)
    assert await near(store, 1.0, 0.0) == ["far"]


async def test_vectors_of_another_length_and_documents_without_one_are_not_found(store: Store) -> None:
    await put(store, f"{PLACE}/three", "s", 1.0, 0.0, 0.0)
    await store.commit([Put(f"{PLACE}/list", {"scope": "s", "vector": [1.0, 0.0]})], timeout_s=10)
    await store.commit([Put(f"{PLACE}/none", {"scope": "s"})], timeout_s=10)
    assert await near(store, 1.0, 0.0) == []


async def test_what_is_found_is_the_document_as_it_is_read(store: Store) -> None:
    path = f"{PLACE}/one"
    vector = Vector((0.25, -0.5, 1e-9))
    await store.commit([Create(path, {"scope": "s", "vector": vector, "n": 7})], timeout_s=10)
    [found] = await store.nearest(PLACE, "s", vector, limit=1, timeout_s=10)
    [read] = await store.read([path], timeout_s=10)
    assert (found.snapshot.path, found.snapshot.fields, found.snapshot.version) == (
        path, {"scope": "s", "vector": vector, "n": 7}, read.version,
    )  # fmt: skip
    assert read.fields == found.snapshot.fields


async def test_what_was_changed_or_deleted_is_found_as_it_is_now(store: Store) -> None:
    await put(store, f"{PLACE}/moved", "s", 1.0, 0.0)
    await put(store, f"{PLACE}/gone", "s", 1.0, 0.0)
    await store.commit([Merge(f"{PLACE}/moved", {"scope": "t"}), Delete(f"{PLACE}/gone")], timeout_s=10)
    assert await near(store, 1.0, 0.0) == []
    assert await near(store, 1.0, 0.0, scope="t") == ["moved"]


async def test_a_vector_that_is_too_long_or_empty_is_refused(store: Store) -> None:
    await put(store, f"{PLACE}/longest", "s", *[1.0] * 2048)
    for numbers in ((1.0,) * 2049, ()):
        with pytest.raises(WriteRefused):
            await put(store, f"{PLACE}/wrong", "s", *numbers)
