"""The Store port when the way to the store is broken: nothing hangs, and nothing is called done or undone
that nobody knows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.errors import StoreUnavailable
from penstock.ports import Create, Put, Snapshot, Store
from tests.contract.conftest import SystemClock
from tests.servers.cutting_proxy import Cut, CuttingProxy

DOC = "tenants/acme/requests/r1"


async def read(store: Store) -> Snapshot:
    [snapshot] = await store.read([DOC], timeout_s=10)
    return snapshot


class TestFirestoreBehindABadNetwork:
    @pytest.fixture
    async def proxy(self, firestore: str) -> AsyncIterator[CuttingProxy]:
        async with CuttingProxy(firestore) as proxy:
            yield proxy

    @pytest.fixture
    async def store(self, proxy: CuttingProxy, project: str) -> AsyncIterator[FirestoreStore]:
        """A store that has already spoken through the proxy: its connection stands."""
        store = FirestoreStore(project, emulator_host=proxy.host)
        await read(store)
        yield store
        await store.close()

    async def test_a_commit_whose_answer_is_lost_has_an_unknown_outcome_and_has_landed(
        self, store: FirestoreStore, proxy: CuttingProxy, firestore: str, project: str
    ) -> None:
        # Given a network that swallows answers
        proxy.cut = Cut.SWALLOW_ANSWER
        # If a document is created
        with pytest.raises(StoreUnavailable):
            await store.commit([Create(DOC, {"write": "mine"})], timeout_s=1)
        # I expect that the write is found by who looks again, and that it was sent once
        proxy.cut = Cut.NONE
        direct = FirestoreStore(project, emulator_host=firestore)
        assert (await read(direct)).fields == {"write": "mine"}
        await direct.close()

    async def test_a_connection_reset_in_place_of_an_answer_has_an_unknown_outcome(
        self, store: FirestoreStore, proxy: CuttingProxy
    ) -> None:
        proxy.cut = Cut.RESET_ON_ANSWER
        # I expect an answer at once: far from the hour that the test gives it
        with pytest.raises(StoreUnavailable):
            await store.commit([Create(DOC, {"write": "mine"})], timeout_s=3600)
        proxy.cut = Cut.NONE

    @pytest.mark.parametrize("cut", [Cut.STALL, Cut.RESET])
    async def test_a_commit_that_never_arrives_has_an_unknown_outcome_and_has_not_landed(
        self, store: FirestoreStore, proxy: CuttingProxy, cut: Cut, firestore: str, project: str
    ) -> None:
        proxy.cut = cut
        with pytest.raises(StoreUnavailable):
            await store.commit([Create(DOC, {"write": "mine"})], timeout_s=1)
        direct = FirestoreStore(project, emulator_host=firestore)
        assert not (await read(direct)).exists
        await direct.close()

    @pytest.mark.parametrize("cut", [Cut.SWALLOW_ANSWER, Cut.RESET_ON_ANSWER, Cut.STALL, Cut.RESET])
    async def test_reads_and_searches_fail_as_unavailable(
        self, store: FirestoreStore, proxy: CuttingProxy, cut: Cut
    ) -> None:
        proxy.cut = cut
        calls = [
            store.read([DOC], timeout_s=1),
            store.find("requests", "due_at", "0", "9", limit=1, timeout_s=1),
            store.count("requests", "due_at", "0", "9", timeout_s=1),
            store.scan("tenants/acme/requests", after="", limit=1, timeout_s=1),
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4

    @pytest.mark.parametrize("cut", [Cut.RESET, Cut.RESET_ON_ANSWER])
    async def test_the_store_is_usable_again_as_soon_as_the_network_is(
        self, store: FirestoreStore, proxy: CuttingProxy, cut: Cut
    ) -> None:
        # Given a network that was down for several calls in a row
        proxy.cut = cut
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await read(store)
        proxy.cut = Cut.NONE
        # If it is back, I expect a success within the reconnection back-off, without a new store
        async with asyncio.timeout(20):
            while True:
                try:
                    snapshot = await read(store)
                except StoreUnavailable:
                    await asyncio.sleep(0.1)
                else:
                    break
        assert not snapshot.exists

    async def test_a_cancelled_commit_leaves_the_store_usable(
        self, store: FirestoreStore, proxy: CuttingProxy
    ) -> None:
        proxy.cut = Cut.SWALLOW_ANSWER
        commit = asyncio.create_task(store.commit([Put(DOC, {"n": 1})], timeout_s=30))
        await proxy.answer_cut.wait()
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        proxy.cut = Cut.RESET  # the spoilt stream goes
        with pytest.raises(StoreUnavailable):
            await read(store)


async def test_nobody_listening_is_unavailable_at_once() -> None:
    store = FirestoreStore("pen-nobody", emulator_host="127.0.0.1:1")
    with pytest.raises(StoreUnavailable):
        await store.commit([Put(DOC, {"n": 1})], timeout_s=3600)
    with pytest.raises(StoreUnavailable):
        await read(store)
    await store.close()


class TestSqliteInTrouble:
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        store = SqliteStore(tmp_path, SystemClock())
        yield store
        await store.close()

    async def test_a_commit_behind_another_writer_is_unavailable_in_time(
        self, store: SqliteStore, tmp_path: Path
    ) -> None:
        # Given another process that holds the write lock
        await read(store)
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        # If we commit
        with pytest.raises(StoreUnavailable):
            await store.commit([Create(DOC, {"write": "mine"})], timeout_s=0.2)
        # I expect an unknown outcome: once the lock is free, the write lands behind our back
        other.execute("ROLLBACK")
        other.close()
        assert (await read(store)).fields == {"write": "mine"}

    async def test_a_file_that_is_no_database_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "store.db").write_bytes(b"this is no database " * 100)
        store = SqliteStore(tmp_path, SystemClock())
        with pytest.raises(StoreUnavailable, match="not a database"):
            await read(store)

    async def test_a_folder_of_another_version_is_named(self, store: SqliteStore, tmp_path: Path) -> None:
        await read(store)
        await store.close()
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
        with pytest.raises(StoreUnavailable, match="format 99"):
            await read(store)

    async def test_an_unindexed_field_cannot_be_searched(self, store: SqliteStore) -> None:
        with pytest.raises(StoreUnavailable, match="due_at, open_since, following"):
            await store.find("requests", "status", "a", "z", limit=1, timeout_s=1)
        with pytest.raises(StoreUnavailable, match="due_at, open_since, following"):
            await store.count("requests", "status", "a", "z", timeout_s=1)
