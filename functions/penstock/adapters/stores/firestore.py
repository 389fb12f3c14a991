"""The cloud store: documents in Firestore, or in its emulator.

It speaks through neither the client library's `AsyncClient` nor its generated layer: one RPC per call either
way, for a fraction of the CPU. `python -m penstock_ops.bench.client_cost` measures all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    RunQueryRequest,
    RunQueryResponse,
    StructuredAggregationQuery,
    StructuredQuery,
)
from grpc import StatusCode  # type: ignore[import-untyped]  # grpcio publishes no types

from penstock.adapters.google.grpc_service import GrpcService, Metadata, Unanswered, routing
from penstock.adapters.stores import firestore_codec as codec
from penstock.adapters.stores.firestore_writes import encode_write
from penstock.errors import AlreadyExists, PreconditionFailed, StoreError, StoreUnavailable, WriteRefused
from penstock.ports import Committed, Cursor, Fields, Near, Snapshot, Vector, Write

#: What a refused commit means; whatever is not here leaves the outcome unknown: StoreUnavailable.
#: ABORTED (contention) and RESOURCE_EXHAUSTED (quota) are in that rest on purpose.
COMMIT_ERRORS: Mapping[StatusCode, type[StoreError]] = {
    StatusCode.ALREADY_EXISTS: AlreadyExists,
    StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    StatusCode.NOT_FOUND: PreconditionFailed,
    StatusCode.INVALID_ARGUMENT: WriteRefused,
}
#: Firestore's limit of one request, in bytes; checked here, since gRPC answers a larger one in its own way.
MAX_REQUEST = 10 * 1024 * 1024

#: The field in which a search by vector adds the distance; no document has it.
_DISTANCE = "penstock_distance"

# The bare protobuf classes: building and reading the proto-plus wrappers costs more than the rest of a call.
_Commit, _Committed = CommitRequest.pb(), CommitResponse.pb()
_BatchGet, _Got = BatchGetDocumentsRequest.pb(), BatchGetDocumentsResponse.pb()
_RunQuery, _QueryReply = RunQueryRequest.pb(), RunQueryResponse.pb()
_RunAggregation, _Counted = RunAggregationQueryRequest.pb(), RunAggregationQueryResponse.pb()
_Query, _Aggregation = StructuredQuery.pb(), StructuredAggregationQuery.pb()


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
        self._service = GrpcService(
            "google.firestore.v1.Firestore", FirestoreGrpcAsyncIOTransport, emulator_host
        )
        resource = ("google-cloud-resource-prefix", self._database)
        self._metadata = (resource, ("authorization", "Bearer owner")) if emulator_host else (resource,)
        self._of_database = (*self._metadata, routing("database", self._database))

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        request = _BatchGet(database=self._database, documents=[f"{self._root}/{path}" for path in paths])
        replies = await self._ask_for_all(
            "read from", "BatchGetDocuments", request, _Got, self._of_database, timeout_s
        )
        found = {snapshot.path: snapshot for snapshot in map(self._looked_up, replies)}
        if missing := [path for path in paths if path not in found]:
            raise StoreUnavailable(f"Firestore's answer to a read left out {', '.join(missing)}")
        return [found[path] for path in paths]

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        request = _Commit(database=self._database)
        transformed = [encode_write(request.writes.add(), self._root, write) for write in writes]
        encoded = request.SerializeToString()
        if (size := len(encoded)) > MAX_REQUEST:
            raise WriteRefused(f"the batch has {size} bytes, Firestore takes {MAX_REQUEST}")
        try:
            reply = await self._service.ask(
                "Commit", encoded, _Committed, self._of_database, timeout_s=timeout_s
            )
        except Unanswered as error:
            meaning = COMMIT_ERRORS.get(error.status, StoreUnavailable)
            raise meaning(f"a commit to Firestore failed: {error}") from error
        if writes and not reply.HasField("commit_time"):
            raise StoreUnavailable("Firestore's answer to a commit left its time out")
        try:
            left = [_left(*pair) for pair in zip(transformed, reply.write_results, strict=True)]
        except ValueError:
            raise StoreUnavailable("Firestore's answer to a commit left results out") from None
        versions = [
            codec.version_of(result.update_time) if result.HasField("update_time") else None
            for result in reply.write_results
        ]
        return Committed(versions, left, codec.time_of(reply.commit_time))

    async def find(
        self,
        group: str,
        field: str,
        low: str,
        high: str,
        *,
        after: Cursor | None = None,
        limit: int,
        timeout_s: float,
    ) -> list[Snapshot]:
        query = _between(group, field, low, high)
        query.order_by.add(field={"field_path": field}, direction="ASCENDING")
        query.limit.value = limit
        if after is not None:
            # What the order is without it, too; a cursor has to say it. It needs no further index.
            query.order_by.add(field={"field_path": "__name__"}, direction="ASCENDING")
            query.start_at.values.add(string_value=after.value)
            query.start_at.values.add(reference_value=f"{self._root}/{after.path}")
        return await self._query(f"find by {field} in", self._root, query, timeout_s)

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        query = _Aggregation(structured_query=_between(group, field, low, high))
        query.aggregations.add(alias="n").count.SetInParent()
        request = _RunAggregation(parent=self._root, structured_aggregation_query=query)
        replies = await self._ask_for_all(
            f"count by {field} in", "RunAggregationQuery", request, _Counted, self._of(self._root), timeout_s
        )
        for reply in replies:
            if "n" in reply.result.aggregate_fields:
                return int(reply.result.aggregate_fields["n"].integer_value)
        raise StoreUnavailable("Firestore's answer to a count left the number out")

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        parent, _, name = collection.rpartition("/")
        query = _Query(
            from_=[{"collection_id": name}],
            order_by=[{"field": {"field_path": "__name__"}, "direction": "ASCENDING"}],
            limit={"value": limit},
        )
        if after:
            query.start_at.values.add(reference_value=f"{self._root}/{collection}/{after}")
        return await self._query("scan in", f"{self._root}/{parent}".rstrip("/"), query, timeout_s)

    async def nearest(
        self, collection: str, scope: str, vector: Vector, *, limit: int, timeout_s: float
    ) -> list[Near]:
        parent, _, name = collection.rpartition("/")
        query = _Query(from_=[{"collection_id": name}])
        query.where.field_filter.field.field_path = "scope"
        query.where.field_filter.op = StructuredQuery.FieldFilter.Operator.EQUAL
        query.where.field_filter.value.string_value = scope
        near = query.find_nearest
        near.vector_field.field_path = "vector"
        codec.encode(near.query_vector, vector)
        near.distance_measure = StructuredQuery.FindNearest.DistanceMeasure.COSINE
        near.limit.value = limit
        near.distance_result_field = _DISTANCE
        found = await self._query("find near in", f"{self._root}/{parent}".rstrip("/"), query, timeout_s)
        return [_near(snapshot) for snapshot in found]

    async def close(self) -> None:
        await self._service.close()

    async def _query(self, what: str, parent: str, query: Any, timeout_s: float) -> list[Snapshot]:
        request = _RunQuery(parent=parent, structured_query=query)
        replies = await self._ask_for_all(what, "RunQuery", request, _QueryReply, self._of(parent), timeout_s)
        documents = [reply for reply in replies if reply.HasField("document")]
        return [self._found(reply.document, reply.read_time) for reply in documents]

    async def _ask_for_all(
        self, what: str, method: str, request: Any, reply: Any, metadata: Metadata, timeout_s: float
    ) -> list[Any]:
        try:
            return await self._service.ask_for_all(
                method, request.SerializeToString(), reply, metadata, timeout_s=timeout_s
            )
        except Unanswered as error:
            raise StoreUnavailable(f"a {what} Firestore failed: {error}") from error

    def _of(self, parent: str) -> Metadata:
        return (*self._metadata, routing("parent", parent))

    def _looked_up(self, reply: Any) -> Snapshot:
        if reply.HasField("found"):
            return self._found(reply.found, reply.read_time)
        return Snapshot(self._path(reply.missing), None, None, codec.time_of(reply.read_time))

    def _path(self, name: str) -> str:
        return name.removeprefix(f"{self._root}/")

    def _found(self, document: Any, read_time: Any) -> Snapshot:
        return Snapshot(
            self._path(document.name),
            codec.decode_fields(document.fields),
            codec.version_of(document.update_time),
            codec.time_of(read_time),
        )


def _near(found: Snapshot) -> Near:
    """Firestore's distance is 1 - cosine."""
    fields = dict(found.fields or {})
    distance = float(fields.pop(_DISTANCE))
    return Near(Snapshot(found.path, fields, found.version, found.read_at), 1.0 - distance)


def _between(group: str, field: str, low: str, high: str) -> Any:
    """The query for low <= field <= high in every collection named `group`."""

    def bound(operator: str, value: str) -> dict[str, Any]:
        operand = {"string_value": value}
        return {"field_filter": {"field": {"field_path": field}, "op": operator, "value": operand}}

    bounds = [bound("GREATER_THAN_OR_EQUAL", low), bound("LESS_THAN_OR_EQUAL", high)]
    return _Query(
        from_=[{"collection_id": group, "all_descendants": True}],
        where={"composite_filter": {"op": "AND", "filters": bounds}},
    )


def _left(fields: Sequence[str], result: Any) -> Fields:
    """What the transforms of one write left: of several on one field, the last one's result.

    Raises ValueError where there are not as many.
    """
    if not (fields or result.transform_results):
        return {}
    return dict(zip(fields, map(codec.decode, result.transform_results), strict=True))
