"""The methods of google.firestore.v1.Firestore. To gRPC requests and answers are bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    ListenRequest,
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    RunQueryRequest,
    RunQueryResponse,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types

from tests.servers.firestore_wire.commits import commit
from tests.servers.firestore_wire.documents import Database
from tests.servers.firestore_wire.listening import Listener, Watched
from tests.servers.firestore_wire.names import database_of, document_path
from tests.servers.firestore_wire.nearest import nearest
from tests.servers.firestore_wire.queries import counted, found
from tests.servers.firestore_wire.refused import Refused, only, unknown
from tests.servers.firestore_wire.stamps import stamp

_Get, _Got = BatchGetDocumentsRequest.pb(), BatchGetDocumentsResponse.pb()
_Query, _QueryReply = RunQueryRequest.pb(), RunQueryResponse.pb()
_Count, _Counted = RunAggregationQueryRequest.pb(), RunAggregationQueryResponse.pb()
_Commit, _Listen = CommitRequest.pb(), ListenRequest.pb()

#: One call's request; all messages of its answer.
Method = Callable[[bytes], list[bytes]]


class FirestoreWire:
    """Every database that anybody names, empty at first. A call reads or writes at one go: each is atomic."""

    def __init__(self) -> None:
        self._databases: defaultdict[str, Database] = defaultdict(Database)
        self._watched: defaultdict[str, Watched] = defaultdict(Watched)

    def handler(self) -> Any:
        """For `add_generic_rpc_handlers` of a `grpc.aio.Server`."""
        methods = {
            "Commit": grpc.unary_unary_rpc_method_handler(_unary(self._commit)),
            "BatchGetDocuments": grpc.unary_stream_rpc_method_handler(_streamed(self._get)),
            "RunQuery": grpc.unary_stream_rpc_method_handler(_streamed(self._query)),
            "RunAggregationQuery": grpc.unary_stream_rpc_method_handler(_streamed(self._count)),
            "Listen": grpc.stream_stream_rpc_method_handler(self._listen),
        }
        return grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", methods)

    def _commit(self, data: bytes) -> list[bytes]:
        request = _Commit.FromString(data)
        answer, changes = commit(self._databases[request.database], request)
        self._watched[request.database].tell(changes)
        return [answer.SerializeToString()]

    def _get(self, data: bytes) -> list[bytes]:
        request = _Get.FromString(data)
        only(request, "database", "documents")
        database = self._databases[request.database]
        now = stamp(database.clock.read())
        behind, answers = _Got(read_time=now).SerializeToString(), []
        for name in request.documents:
            stored = database.documents.get(document_path(name))
            whole = _Got(missing=name).SerializeToString() if stored is None else stored.framed
            answers.append(whole + behind)
        return answers

    def _query(self, data: bytes) -> list[bytes]:
        request = _Query.FromString(data)
        only(request, "parent", "structured_query")
        database, query = self._databases[database_of(request.parent)], request.structured_query
        chosen = [database.documents[path] for path in found(database, request.parent, query)]
        if query.HasField("find_nearest"):
            chosen = nearest(chosen, query.find_nearest)
        behind = _QueryReply(read_time=stamp(database.clock.read())).SerializeToString()
        return [stored.framed + behind for stored in chosen] or [behind]

    def _count(self, data: bytes) -> list[bytes]:
        request = _Count.FromString(data)
        only(request, "parent", "structured_aggregation_query")
        database, asked = self._databases[database_of(request.parent)], request.structured_aggregation_query
        answer = _Counted(read_time=stamp(database.clock.read()))
        for one in asked.aggregations:
            if one.WhichOneof("operator") != "count" or one.count.HasField("up_to"):
                raise unknown("aggregation but a whole count")
            number = counted(database, request.parent, asked.structured_query)
            answer.result.aggregate_fields[one.alias].integer_value = number
        return [answer.SerializeToString()]

    async def _listen(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """The database is the first request's."""
        first = _Listen.FromString(await anext(requests, b""))
        watched = self._watched[first.database]
        listener = Listener(self._databases[first.database], watched)
        asking = asyncio.create_task(_ask(listener, first, requests))
        try:
            async with _refusing(context):
                async for answer in listener.heard():
                    yield answer.SerializeToString()
        finally:
            asking.cancel()
            listener.close()


async def _ask(listener: Listener, first: Any, requests: AsyncIterator[bytes]) -> None:
    try:
        listener.asked(first)
        async for data in requests:
            listener.asked(_Listen.FromString(data))
    except (Refused, DecodeError) as error:
        listener.fail(error)


def _unary(method: Method) -> Any:
    async def answer(data: bytes, context: Any) -> bytes:
        async with _refusing(context):
            [message] = method(data)
        return message

    return answer


def _streamed(method: Method) -> Any:
    async def answer(data: bytes, context: Any) -> AsyncIterator[bytes]:
        async with _refusing(context):
            messages = method(data)
        for message in messages:
            yield message

    return answer


@contextlib.asynccontextmanager
async def _refusing(context: Any) -> AsyncIterator[None]:
    try:
        yield
    except DecodeError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except Refused as refused:
        await context.abort(refused.status, str(refused))
