"""The cloud store: documents in Firestore, or in its emulator.

It speaks through the client library's generated layer (`FirestoreAsyncClient`), not through its
`AsyncClient`: one RPC per call either way, for a fraction of the CPU, because values are encoded once and
never deep-copied. `python -m penstock_ops.client_cost` measures both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.api_core import exceptions as google
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    RunQueryRequest,
    RunQueryResponse,
)

from penstock.errors import AlreadyExists, PreconditionFailed, StoreError, StoreUnavailable, WriteRefused
from penstock.grpc_channel import open_transport
from penstock.ports import Snapshot, Version, Write
from penstock.stores import firestore_codec as codec
from penstock.stores.firestore_writes import encode_write

T = TypeVar("T")

#: What a refused commit means; whatever is not here leaves the outcome unknown: StoreUnavailable.
#: ABORTED (contention) and RESOURCE_EXHAUSTED (quota) are in that rest on purpose.
COMMIT_ERRORS: Mapping[type[Exception], type[StoreError]] = {
    google.AlreadyExists: AlreadyExists,
    google.FailedPrecondition: PreconditionFailed,
    google.NotFound: PreconditionFailed,
    google.InvalidArgument: WriteRefused,
}
#: Firestore's limit of one request, in bytes; checked here, since gRPC answers a larger one in its own way.
MAX_REQUEST = 10 * 1024 * 1024

# The bare protobuf classes: building and reading the proto-plus wrappers costs more than the rest of a call.
_Commit = CommitRequest.pb()
_BatchGet = BatchGetDocumentsRequest.pb()
_RunQuery = RunQueryRequest.pb()


class FirestoreStore:
    """The Store port on one Firestore database. A version is an update_time in nanoseconds.

    `emulator_host` is `host:port` of the emulator; None: the service, with the default credentials.
    Nothing is opened before the first call; the connection is then reused.
    """

    def __init__(
        self, project: str, database: str = "(default)", *, emulator_host: str | None = None
    ) -> None:
        self._database = f"projects/{project}/databases/{database}"
        self._root = f"{self._database}/documents"
        self._emulator_host = emulator_host
        self._metadata = [("google-cloud-resource-prefix", self._database)]
        if emulator_host:
            self._metadata.append(("authorization", "Bearer owner"))
        self._opened: FirestoreAsyncClient | None = None

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        request = _BatchGet(database=self._database, documents=[f"{self._root}/{path}" for path in paths])

        async def call() -> dict[str, Snapshot]:
            stream = await self._client().batch_get_documents(request=request, **self._options(timeout_s))
            replies = [BatchGetDocumentsResponse.pb(reply) async for reply in stream]
            snapshots = (
                self._found(reply.found, reply.read_time)
                if reply.HasField("found")
                else Snapshot(self._path(reply.missing), None, None, codec.time_of(reply.read_time))
                for reply in replies
            )
            return {snapshot.path: snapshot for snapshot in snapshots}

        found = await _answer("read", call, timeout_s)
        if missing := [path for path in paths if path not in found]:
            raise StoreUnavailable(f"Firestore's answer to a read left out {', '.join(missing)}")
        return [found[path] for path in paths]

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> list[Version]:
        encoded = [encode_write(self._root, write) for write in writes]
        request = _Commit(database=self._database, writes=encoded)
        if (size := request.ByteSize()) > MAX_REQUEST:
            raise WriteRefused(f"the batch has {size} bytes, Firestore takes {MAX_REQUEST}")

        async def call() -> list[Version]:
            reply = await self._client().commit(request=request, **self._options(timeout_s))
            return [
                codec.version_of(result.update_time) if result.HasField("update_time") else None
                for result in type(reply).pb(reply).write_results
            ]

        return await _answer("commit", call, timeout_s, COMMIT_ERRORS)

    async def find(
        self, group: str, field: str, low: str, high: str, *, limit: int, timeout_s: float
    ) -> list[Snapshot]:
        def bound(operator: str, value: str) -> dict[str, Any]:
            return {"field_filter": {"field": named, "op": operator, "value": codec.encode(value)}}

        named = {"field_path": field}
        bounds = [bound("GREATER_THAN_OR_EQUAL", low), bound("LESS_THAN_OR_EQUAL", high)]
        query = {
            "from_": [{"collection_id": group, "all_descendants": True}],
            "where": {"composite_filter": {"op": "AND", "filters": bounds}},
            "order_by": [{"field": named, "direction": "ASCENDING"}],
            "limit": {"value": limit},
        }
        return await self._query(f"find by {field}", self._root, query, timeout_s)

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        parent, _, name = collection.rpartition("/")
        query: dict[str, Any] = {
            "from_": [{"collection_id": name}],
            "order_by": [{"field": {"field_path": "__name__"}, "direction": "ASCENDING"}],
            "limit": {"value": limit},
        }
        if after:
            last = {"reference_value": f"{self._root}/{collection}/{after}"}
            query["start_at"] = {"values": [last], "before": False}
        return await self._query("scan", f"{self._root}/{parent}".rstrip("/"), query, timeout_s)

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.transport.close()  # type: ignore[no-untyped-call]  # the SDK's own gap

    async def _query(self, what: str, parent: str, query: dict[str, Any], timeout_s: float) -> list[Snapshot]:
        request = _RunQuery(parent=parent, structured_query=query)

        async def call() -> list[Snapshot]:
            stream = await self._client().run_query(request=request, **self._options(timeout_s))
            replies = [RunQueryResponse.pb(reply) async for reply in stream]
            documents = [reply for reply in replies if reply.HasField("document")]
            return [self._found(reply.document, reply.read_time) for reply in documents]

        return await _answer(what, call, timeout_s)

    def _client(self) -> FirestoreAsyncClient:
        if self._opened is None:
            transport = open_transport(FirestoreGrpcAsyncIOTransport, self._emulator_host)
            self._opened = FirestoreAsyncClient(transport=transport)
        return self._opened

    def _options(self, timeout_s: float) -> dict[str, Any]:
        # retry=None: the client's own retry overrides `timeout` and hides a commit that landed.
        return {"retry": None, "timeout": timeout_s, "metadata": self._metadata}

    def _path(self, name: str) -> str:
        return name.removeprefix(f"{self._root}/")

    def _found(self, document: Any, read_time: Any) -> Snapshot:
        return Snapshot(
            self._path(document.name),
            codec.decode_fields(document.fields),
            codec.version_of(document.update_time),
            codec.time_of(read_time),
        )


async def _answer(
    what: str,
    call: Callable[[], Awaitable[T]],
    timeout_s: float,
    meanings: Mapping[type[Exception], type[StoreError]] | None = None,
) -> T:
    """Run `call` within `timeout_s`; every way in which it can fail becomes one of our errors."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call()
    except TimeoutError:
        raise StoreUnavailable(f"Firestore did not answer a {what} within {timeout_s:g} s") from None
    except (google.GoogleAPIError, GoogleAuthError, OSError) as error:
        meaning = (meanings or {}).get(type(error), StoreUnavailable)
        raise meaning(f"Firestore refused a {what}: {type(error).__name__}: {str(error)[:300]}") from error
