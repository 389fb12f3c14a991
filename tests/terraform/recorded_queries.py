"""What Firestore would be asked: a server that speaks its wire format, finds nothing, keeps every query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self

from google.cloud.firestore_v1.types import (
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    RunQueryRequest,
    RunQueryResponse,
    StructuredQuery,
)
from grpc import (  # type: ignore[import-untyped]  # grpcio publishes no types
    aio,
    method_handlers_generic_handler,
    unary_stream_rpc_method_handler,
)

from penstock.ports import Committed, Cursor, Near, Snapshot, Store, Vector, Write


class QueryRecorder:
    """A gRPC server on a free port of this machine with Firestore's RunQuery and RunAggregationQuery;
    `queries` is what came."""

    def __init__(self) -> None:
        self.queries: list[StructuredQuery] = []
        self.host = ""

    async def __aenter__(self) -> Self:
        self._server = aio.server()
        run_query = unary_stream_rpc_method_handler(
            self._run_query,
            request_deserializer=RunQueryRequest.deserialize,
            response_serializer=RunQueryResponse.serialize,
        )
        count = unary_stream_rpc_method_handler(
            self._count,
            request_deserializer=RunAggregationQueryRequest.deserialize,
            response_serializer=RunAggregationQueryResponse.serialize,
        )
        methods = {"RunQuery": run_query, "RunAggregationQuery": count}
        handler = method_handlers_generic_handler("google.firestore.v1.Firestore", methods)
        self._server.add_generic_rpc_handlers([handler])
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def _run_query(self, request: RunQueryRequest, _: object) -> Any:
        self.queries.append(request.structured_query)
        yield RunQueryResponse(read_time=datetime(2026, 1, 1, tzinfo=UTC))

    async def _count(self, request: RunAggregationQueryRequest, _: object) -> Any:
        self.queries.append(request.structured_aggregation_query.structured_query)
        yield RunAggregationQueryResponse(result={"aggregate_fields": {"n": {"integer_value": 0}}})


class RecordingStore:
    """The Store port on `store`, which answers; `firestore` is sent every search and count as well."""

    def __init__(self, store: Store, firestore: Store) -> None:
        self._store = store
        self._firestore = firestore

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        return await self._store.read(paths, timeout_s=timeout_s)

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        return await self._store.commit(writes, timeout_s=timeout_s)

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
        page: dict[str, Any] = {"after": after, "limit": limit, "timeout_s": timeout_s}
        await self._firestore.find(group, field, low, high, **page)
        return await self._store.find(group, field, low, high, **page)

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        await self._firestore.count(group, field, low, high, timeout_s=timeout_s)
        return await self._store.count(group, field, low, high, timeout_s=timeout_s)

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        return await self._store.scan(collection, after=after, limit=limit, timeout_s=timeout_s)

    async def nearest(
        self, collection: str, scope: str, vector: Vector, *, limit: int, timeout_s: float
    ) -> list[Near]:
        return await self._store.nearest(collection, scope, vector, limit=limit, timeout_s=timeout_s)

    async def close(self) -> None:
        await self._store.close()


def required_index(query: StructuredQuery) -> tuple[str, str, str, str]:
    """(collection, field, scope, order) of the single-field index that a query runs on.

    Firestore's rule: a query with one field in its filters and its order runs on that field's single-field
    index, in the scope of its selector (https://firebase.google.com/docs/firestore/query-data/index-overview).
    More than one field needs a composite index, and none is declared: a ValueError.
    """
    [selector] = query.from_
    filters = query.where.composite_filter.filters or ([query.where] if query.where else [])
    orders = {order.field.field_path: order.direction.name for order in query.order_by}
    fields = {part.field_filter.field.field_path for part in filters} | set(orders)
    if len(fields) != 1:
        raise ValueError(f"a composite index would be needed over {sorted(fields)}")
    [field] = fields
    scope = "COLLECTION_GROUP" if selector.all_descendants else "COLLECTION"
    return selector.collection_id, field, scope, orders.get(field, "ASCENDING")
