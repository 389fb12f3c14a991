"""The calls that the Firestore store and the Pub/Sub bus make by themselves, at a real gRPC server: what they
send, and that each ends as one of our errors, whatever comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
import pytest
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import CommitRequest, CommitResponse, RunQueryRequest, WriteResult
from google.oauth2.credentials import Credentials
from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.google.grpc_channel import open_transport
from penstock.adapters.google.grpc_service import GrpcService, Unanswered
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.errors import PublishFailed, StoreUnavailable
from penstock.ports import Increment, Merge, Put
from tests.servers.raw_grpc import RawGrpc

TOPIC = "llm-responses"
ROUTING = "x-goog-request-params"
#: A length-delimited field that ends before its length.
UNREADABLE = b"\x0a\xff"

NOW = datetime(2026, 11, 28, tzinfo=UTC)

Call = Callable[[float], Awaitable[object]]


@pytest.fixture
async def silent() -> AsyncIterator[RawGrpc]:
    async with RawGrpc(None) as server:
        yield server


@pytest.fixture(params=["commit", "read", "find", "count", "scan", "publish"])
async def adapter(request: pytest.FixtureRequest, silent: RawGrpc) -> AsyncIterator[Adapter]:
    opened = Adapter(request.param, silent.host)
    yield opened
    await opened.close()


class Adapter:
    """One call of the store or the bus, and the error that it may end with."""

    def __init__(self, call: str, host: str | None) -> None:
        store, bus = FirestoreStore("pen-raw", emulator_host=host), PubSubBus("pen-raw", emulator_host=host)
        self.close = bus.close if call == "publish" else store.close
        self.error = PublishFailed if call == "publish" else StoreUnavailable
        calls: dict[str, Call] = {
            "commit": lambda limit: store.commit([Put("a/b", {})], timeout_s=limit),
            "read": lambda limit: store.read(["a/b"], timeout_s=limit),
            "find": lambda limit: store.find("a", "due_at", "0", "9", limit=1, timeout_s=limit),
            "count": lambda limit: store.count("a", "due_at", "0", "9", timeout_s=limit),
            "scan": lambda limit: store.scan("a", after="", limit=1, timeout_s=limit),
            "publish": lambda limit: bus.publish(TOPIC, b"x", {}, timeout_s=limit),
        }
        self.call = calls[call]


async def test_a_call_without_an_answer_ends_in_time_on_both_sides(adapter: Adapter, silent: RawGrpc) -> None:
    with pytest.raises(adapter.error):
        await adapter.call(0.5)
    if silent.arrived.is_set():
        await silent.given_up.wait()


async def test_a_cancelled_call_is_cancelled_on_both_sides(adapter: Adapter, silent: RawGrpc) -> None:
    calling = asyncio.ensure_future(adapter.call(3600))
    await silent.arrived.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await silent.given_up.wait()


async def test_a_limit_around_a_call_is_kept(adapter: Adapter, silent: RawGrpc) -> None:
    """An `asyncio.timeout` of the caller's ends the call as its own TimeoutError."""

    async def expire(limit: asyncio.Timeout) -> None:
        await silent.arrived.wait()
        limit.reschedule(0)

    async def limited() -> None:
        async with asyncio.TaskGroup() as group, asyncio.timeout(3600) as limit:
            group.create_task(expire(limit))
            await adapter.call(3600)

    with pytest.raises(ExceptionGroup) as ended:
        await limited()
    assert [type(error) for error in ended.value.exceptions] == [TimeoutError]
    await silent.given_up.wait()


async def test_a_call_under_way_when_the_adapter_is_closed_is_a_failure_and_no_cancellation(
    adapter: Adapter, silent: RawGrpc
) -> None:
    calling = asyncio.ensure_future(adapter.call(3600))
    await silent.arrived.wait()
    await adapter.close()
    with pytest.raises(adapter.error, match="closed"):
        await calling


@pytest.mark.parametrize("call", ["commit", "read", "publish"])
async def test_an_answer_that_cannot_be_read_is_a_failure(
    call: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with RawGrpc(UNREADABLE) as server:
        adapter = Adapter(call, server.host)
        with pytest.raises(adapter.error, match="cannot be read"):
            await adapter.call(30)
        await adapter.close()
    assert not caplog.records  # gRPC's own deserializers would log a traceback


@pytest.mark.parametrize("call", ["commit", "publish"])
async def test_without_credentials_a_call_fails_in_one_line(
    call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "there-is-none.json"))
    adapter = Adapter(call, None)
    with pytest.raises(adapter.error, match="DefaultCredentialsError") as failed:
        await adapter.call(30)
    assert "\n" not in str(failed.value)


async def test_credentials_that_cannot_be_refreshed_fail_in_one_line(
    silent: RawGrpc, caplog: pytest.LogCaptureFixture
) -> None:
    class Transport:
        """What an SDK's transport does, with TLS and the token server of this machine."""

        @staticmethod
        def create_channel(options: Any) -> Any:
            nobody = "http://127.0.0.1:1/token"
            credentials = Credentials(  # type: ignore[no-untyped-call]  # google-auth publishes no types
                None, refresh_token="r", token_uri=nobody, client_id="c", client_secret="s"
            )
            plugin = AuthMetadataPlugin(credentials, Request())  # type: ignore[no-untyped-call]
            both = grpc.composite_channel_credentials(
                grpc.local_channel_credentials(), grpc.metadata_call_credentials(plugin)
            )
            return grpc.aio.secure_channel(silent.host, both, options=options)

    service = GrpcService("penstock.Nothing", Transport, None)
    with pytest.raises(Unanswered, match=r"UNAVAILABLE: .*127\.0\.0\.1") as failed:
        await service.ask("Ask", b"", CommitRequest.pb(), (), timeout_s=30)
    await service.close()
    assert "\n" not in str(failed.value)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("answer", "lacks"),
    [
        (CommitResponse(write_results=[WriteResult(transform_results=[{"integer_value": 3}])]), "its time"),
        (CommitResponse(commit_time=NOW, write_results=[WriteResult()]), "results"),
        (CommitResponse(commit_time=NOW), "results"),
    ],
)
async def test_a_commit_whose_answer_is_not_whole_has_an_unknown_outcome(
    answer: CommitResponse, lacks: str
) -> None:
    async with RawGrpc(CommitResponse.serialize(answer)) as server:
        store = FirestoreStore("pen-raw", emulator_host=server.host)
        with pytest.raises(StoreUnavailable, match=f"left {lacks} out"):
            await store.commit([Merge("a/b", {"n": Increment(3)})], timeout_s=30)
        await store.close()


async def test_calls_are_routed_as_the_generated_clients_route_them() -> None:
    async with RawGrpc(b"") as server:
        # Given what the generated clients send
        firestore = open_transport(FirestoreGrpcAsyncIOTransport, server.host)
        pubsub = open_transport(PublisherGrpcAsyncIOTransport, server.host)
        theirs, publisher = FirestoreAsyncClient(transport=firestore), PublisherAsyncClient(transport=pubsub)
        database = "projects/pen-raw/databases/(default)"
        await theirs.commit(CommitRequest(database=database))
        async for _ in await theirs.batch_get_documents({"database": database}):
            pass
        async for _ in await theirs.run_query(RunQueryRequest(parent=f"{database}/documents/a/b")):
            pass
        async for _ in await theirs.run_aggregation_query({"parent": f"{database}/documents"}):
            pass
        await publisher.publish(topic=f"projects/pen-raw/topics/{TOPIC}")
        await firestore.close()
        await pubsub.close()
        generated, server.metadata = server.metadata, []
        # If ours do the same
        store = FirestoreStore("pen-raw", emulator_host=server.host)
        bus = PubSubBus("pen-raw", emulator_host=server.host)
        await store.commit([], timeout_s=30)
        with pytest.raises(StoreUnavailable, match="left out"):
            await store.read(["a/b"], timeout_s=30)
        await store.scan("a/b/c", after="", limit=1, timeout_s=30)
        with pytest.raises(StoreUnavailable, match="left the number out"):
            await store.count("a", "due_at", "0", "9", timeout_s=30)
        with pytest.raises(PublishFailed, match="confirmed 0 of 1 messages"):
            await bus.publish(TOPIC, b"x", {}, timeout_s=30)
        await store.close()
        await bus.close()
    # I expect the same routing headers, and the database's name wherever there is one
    assert [call[ROUTING] for call in server.metadata] == [call[ROUTING] for call in generated]
    assert [call.get("google-cloud-resource-prefix") for call in server.metadata] == [database] * 4 + [None]
