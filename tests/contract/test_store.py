"""The Store port: what one caller sees. Races are in test_store_races.py, faults in test_store_faults.py."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from penstock.errors import AlreadyExists, PreconditionFailed, StoreError, WriteRefused
from penstock.ports import (
    REMOVE,
    Create,
    Delete,
    Fields,
    Increment,
    Merge,
    Put,
    Snapshot,
    Store,
    Update,
    Version,
    Write,
)

DOC = "tenants/acme/requests/r1"
OTHER = "tenants/acme/cache/k1"
LIMIT = 1_048_576


async def commit(store: Store, *writes: Write) -> list[Version]:
    return (await store.commit(writes, timeout_s=10)).versions


async def read(store: Store, path: str = DOC) -> Snapshot:
    [snapshot] = await store.read([path], timeout_s=10)
    return snapshot


async def fields(store: Store, path: str = DOC) -> Fields | None:
    return (await read(store, path)).fields


VALUES: dict[str, Any] = {
    "text": "Zoë 🦊 \x00 end",
    "empty text": "",
    "bytes": bytes(range(256)),
    "no bytes": b"",
    "yes": True,
    "no": False,
    "nothing": None,
    "zero": 0,
    "one": 1,
    "whole float": 1.0,
    "float": 0.1,
    "tiny": 5e-324,
    "infinite": math.inf,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "time": datetime(2026, 11, 21, 3, 4, 5, 678_901, tzinfo=UTC),
    "before the epoch": datetime(1901, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
    "list": [1, "two", None, b"4", {"five": [5.0]}],
    "empty list": [],
    "map": {"a.b": 1, "`": 2, "$bytes": "AA==", "$map": {"$time": "no time"}, "nested": {"deep": []}},
    "empty map": {},
}


async def test_every_kind_of_value_comes_back_exactly(store: Store) -> None:
    # Given a document with a value of every kind
    await commit(store, Create(DOC, VALUES))
    # If it is read
    found = await fields(store)
    # I expect equal values of equal types
    assert found == VALUES
    assert {name: type(value) for name, value in (found or {}).items()} == {
        name: type(value) for name, value in VALUES.items()
    }


async def test_a_time_of_any_zone_comes_back_as_the_same_moment_in_utc(store: Store) -> None:
    moment = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    await commit(store, Create(DOC, {"at": moment}))
    found = (await fields(store) or {})["at"]
    assert found == moment
    assert found.utcoffset() == timedelta(0)


async def test_nan_stays_nan(store: Store) -> None:
    await commit(store, Create(DOC, {"n": math.nan}))
    assert math.isnan((await fields(store) or {})["n"])


async def test_what_is_not_there_reads_as_absent(store: Store) -> None:
    snapshot = await read(store, "tenants/nobody/requests/none")
    assert (snapshot.exists, snapshot.fields, snapshot.version) == (False, None, None)


async def test_read_keeps_the_order_of_its_paths_and_one_read_time(store: Store) -> None:
    # Given two documents
    await commit(store, Create(DOC, {"n": 1}), Create(OTHER, {"n": 2}))
    # If four paths are read, one of them absent and one twice
    found = await store.read([OTHER, "a/absent", DOC, OTHER], timeout_s=10)
    # I expect them in my order, all as of one moment near the wall clock's
    assert [(s.path, s.fields) for s in found] == [
        (OTHER, {"n": 2}),
        ("a/absent", None),
        (DOC, {"n": 1}),
        (OTHER, {"n": 2}),
    ]
    assert len({s.read_at for s in found}) == 1
    assert abs(datetime.now(UTC) - found[0].read_at) < timedelta(minutes=1)


async def test_read_at_never_goes_back(store: Store) -> None:
    times = [(await read(store)).read_at for _ in range(5)]
    assert times == sorted(times)


async def test_create_refuses_what_is_there_and_changes_nothing(store: Store) -> None:
    [version] = await commit(store, Create(DOC, {"owner": "first"}))
    with pytest.raises(AlreadyExists):
        await commit(store, Create(DOC, {"owner": "second"}))
    snapshot = await read(store)
    assert (snapshot.fields, snapshot.version) == ({"owner": "first"}, version)


async def test_commit_tells_the_version_that_a_read_finds(store: Store) -> None:
    versions = await commit(store, Create(DOC, {"n": 1}), Put(OTHER, {"n": 2}))
    assert versions == [(await read(store)).version, (await read(store, OTHER)).version]


async def test_update_changes_the_named_fields_only(store: Store) -> None:
    # Given a document
    [version] = await commit(store, Create(DOC, {"kept": 1, "map": {"a": 1, "b": 2}, "gone": 3, "sum": 4}))
    # If some of its fields are updated
    changes = {"map": {"c": 3}, "gone": REMOVE, "sum": Increment(-6), "new": Increment(2), "never": REMOVE}
    await commit(store, Update(DOC, changes, version))
    # I expect a named map replaced as a whole, an increment from 0 where nothing was, the rest untouched
    assert await fields(store) == {"kept": 1, "map": {"c": 3}, "sum": -2, "new": 2}


async def test_update_with_a_stale_version_changes_nothing(store: Store) -> None:
    [first] = await commit(store, Create(DOC, {"n": 1}))
    [second] = await commit(store, Update(DOC, {"n": 2}, first))
    with pytest.raises(PreconditionFailed):
        await commit(store, Update(DOC, {"n": 3}, first))
    snapshot = await read(store)
    assert (snapshot.fields, snapshot.version) == ({"n": 2}, second)


async def test_update_of_what_is_not_there_fails(store: Store) -> None:
    [version] = await commit(store, Create(DOC, {"n": 1}))
    with pytest.raises(PreconditionFailed):
        await commit(store, Update(OTHER, {"n": 2}, version))
    assert await fields(store, OTHER) is None


async def test_a_version_does_not_come_back_with_a_document_created_anew(store: Store) -> None:
    # Given a document deleted and created again with the same fields
    [old] = await commit(store, Create(DOC, {"n": 1}))
    await commit(store, Delete(DOC))
    await commit(store, Create(DOC, {"n": 1}))
    # If somebody updates it by the version that he read before
    with pytest.raises(PreconditionFailed):
        # I expect him refused
        await commit(store, Update(DOC, {"n": 2}, old))


async def test_an_update_of_nothing_only_checks_the_version(store: Store) -> None:
    [version] = await commit(store, Create(DOC, {"n": 1}))
    assert await commit(store, Update(DOC, {}, version)) == [version]
    await commit(store, Put(DOC, {"n": 2}))
    with pytest.raises(PreconditionFailed):
        await commit(store, Update(DOC, {}, version))


async def test_a_write_that_changes_nothing_makes_no_version(store: Store) -> None:
    [version] = await commit(store, Create(DOC, {"n": 1}))
    assert await commit(store, Update(DOC, {"n": 1}, version)) == [version]
    assert await commit(store, Put(DOC, {"n": 1})) == [version]
    assert await commit(store, Merge(DOC, {"n": 1})) == [version]


async def test_put_replaces_and_merge_does_not(store: Store) -> None:
    await commit(store, Put(DOC, {"a": 1, "b": 1}), Merge(OTHER, {"a": 1, "n": Increment(2)}))
    await commit(store, Put(DOC, {"a": 2}), Merge(OTHER, {"b": 1, "n": Increment(3), "a": REMOVE}))
    assert await fields(store) == {"a": 2}
    assert await fields(store, OTHER) == {"b": 1, "n": 5}


async def test_delete_takes_away_and_forgives_absence(store: Store) -> None:
    await commit(store, Create(DOC, {"n": 1}))
    await commit(store, Delete(DOC), Delete("a/absent"))
    assert not (await read(store)).exists


async def test_one_batch_takes_every_kind_of_write(store: Store) -> None:
    base = "tenants/t/mixed/"
    [version, *_] = await commit(store, Create(f"{base}u", {"n": 1}), Create(f"{base}d", {}))
    await commit(
        store,
        Update(f"{base}u", {"n": Increment(1)}, version),
        Create(f"{base}c", {"n": 3}),
        Put(f"{base}p", {"n": 4}),
        Merge(f"{base}m", {"n": Increment(5)}),
        Delete(f"{base}d"),
    )
    found = await store.scan("tenants/t/mixed", after="", limit=10, timeout_s=10)
    assert [(s.path[-1], s.fields) for s in found] == [
        ("c", {"n": 3}),
        ("m", {"n": 5}),
        ("p", {"n": 4}),
        ("u", {"n": 2}),
    ]


@pytest.mark.parametrize("culprit", ["create", "update", "size"])
@pytest.mark.parametrize("last", [False, True])
async def test_a_batch_is_all_or_nothing(store: Store, culprit: str, last: bool) -> None:
    # Given a document that makes one write of a batch impossible
    [stale] = await commit(store, Create(DOC, {"n": 1}))
    [version] = await commit(store, Update(DOC, {"n": 2}, stale))
    culprits: dict[str, Write] = {
        "create": Create(DOC, {"n": 3}),
        "update": Update(DOC, {"n": 3}, stale),
        "size": Put(DOC, {"n": b"x" * LIMIT}),
    }
    refused = culprits[culprit]
    fine: list[Write] = [Create(OTHER, {"n": 1}), Merge("totals/day", {"n": Increment(1)})]
    # If the batch is committed
    with pytest.raises(StoreError):
        await commit(store, *([*fine, refused] if last else [refused, *fine]))
    # I expect none of it, wherever in the batch the impossible one stands
    assert await fields(store, OTHER) is None
    assert await fields(store, "totals/day") is None
    assert (await read(store)).version == version


@pytest.mark.parametrize("name", ["a.b", "a b", "1a", "ä", "a`b", "a\\b", "a-b", "a/b", "*", "[0]"])
async def test_any_top_level_field_name_works_in_every_write(store: Store, name: str) -> None:
    [version] = await commit(store, Create(DOC, {name: 1, "z": {name: 0}}))
    [version] = await commit(store, Update(DOC, {name: Increment(1)}, version))
    await commit(store, Merge(DOC, {name: Increment(1)}))
    assert await fields(store) == {name: 3, "z": {name: 0}}
    await commit(store, Merge(DOC, {name: REMOVE}))
    assert await fields(store) == {"z": {name: 0}}


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        "\ud800",
        {"inside": ["\udfff"]},
        [[1]],
        {"inside": [[1]]},
        datetime(2026, 1, 1),  # noqa: DTZ001  # a naive time is what is tested
        {1, 2},
        object(),
        {1: "a key that is no text"},
        {"inside": {"": "a key that is empty"}},
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_a_document_cannot_hold_is_refused(store: Store, value: Any) -> None:
    with pytest.raises(WriteRefused):
        await commit(store, Create(OTHER, {"fine": 1}), Create(DOC, {"bad": value}))
    assert await fields(store, OTHER) is None


@pytest.mark.parametrize("write", [Create(DOC, {"n": REMOVE}), Put(DOC, {"n": REMOVE})], ids=str)
async def test_a_whole_document_cannot_hold_a_removal(store: Store, write: Write) -> None:
    with pytest.raises(WriteRefused):
        await commit(store, write)


async def test_a_document_just_below_the_limit_fits(store: Store) -> None:
    data = b"x" * (LIMIT - 2000)
    await commit(store, Create(DOC, {"payload": data}))
    assert await fields(store) == {"payload": data}


@pytest.mark.parametrize(
    "fields_over_the_limit",
    [
        {"one": b"x" * (LIMIT + 1)},
        {"text": "é" * (LIMIT // 2 + 1)},
        {"a": b"x" * (LIMIT // 2), "b": b"x" * (LIMIT // 2 + 1)},
        {"list": ["x" * 1000] * 1100},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_document_over_1_mib_is_refused(store: Store, fields_over_the_limit: Fields) -> None:
    with pytest.raises(WriteRefused):
        await commit(store, Create(DOC, fields_over_the_limit))
    assert await fields(store) is None


async def test_a_batch_over_10_mib_is_refused(store: Store) -> None:
    writes = [Create(f"big/d{i}", {"payload": b"x" * 1_000_000}) for i in range(11)]
    with pytest.raises(WriteRefused):
        await commit(store, *writes)
    assert await fields(store, "big/d0") is None
