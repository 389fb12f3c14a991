"""What each status of Firestore's becomes: every gRPC code, each asked for once."""

from __future__ import annotations

import asyncio

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
import pytest

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.errors import AlreadyExists, PreconditionFailed, StoreError, StoreUnavailable, WriteRefused
from penstock.ports import Put
from tests.servers.refusing_grpc import RefusingGrpc

STATUSES = [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK]
#: The statuses that say for certain that nothing was written, and why. All others say nothing.
CERTAIN: dict[grpc.StatusCode, type[StoreError]] = {
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    grpc.StatusCode.NOT_FOUND: PreconditionFailed,
    grpc.StatusCode.INVALID_ARGUMENT: WriteRefused,
}


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.name)
async def test_a_commit_is_sent_once_and_its_status_has_one_meaning(status: grpc.StatusCode) -> None:
    async with RefusingGrpc(status) as server:
        store = FirestoreStore("pen-refused", emulator_host=server.host)
        with pytest.raises(StoreError) as refused:
            await store.commit([Put("a/b", {})], timeout_s=30)
        await store.close()
    assert type(refused.value) is CERTAIN.get(status, StoreUnavailable)
    assert server.calls == 1


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.name)
async def test_a_refused_read_or_search_is_unavailable(status: grpc.StatusCode) -> None:
    async with RefusingGrpc(status) as server:
        store = FirestoreStore("pen-refused", emulator_host=server.host)
        outcomes = await asyncio.gather(
            store.read(["a/b"], timeout_s=30),
            store.find("a", "due_at", "0", "9", limit=1, timeout_s=30),
            store.count("a", "due_at", "0", "9", timeout_s=30),
            store.scan("a", after="", limit=1, timeout_s=30),
            return_exceptions=True,
        )
        await store.close()
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
    assert server.calls == 4
