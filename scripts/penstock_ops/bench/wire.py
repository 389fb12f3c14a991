"""What really goes over the wire: a gRPC proxy before an emulator that passes bytes on and counts them.

It stands between real clients in real processes and Google's emulators, so that nothing in the code under
measurement has to know of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    CommitRequest,
    RunQueryResponse,
)
from google.pubsub_v1.types import PublishRequest
from grpc import aio

from penstock.adapters.google.grpc_channel import OPTIONS

_Commit = CommitRequest.pb()
_BatchGet = BatchGetDocumentsRequest.pb()
_QueryReply = RunQueryResponse.pb()
_Publish = PublishRequest.pb()


@dataclass
class Call:
    """One RPC: what it carried, and when (monotonic seconds)."""

    method: str
    started: float
    ended: float = 0.0
    ok: bool = False
    request: bytes = b""
    replies: list[bytes] = field(default_factory=list, repr=False)

    @property
    def written(self) -> list[str]:
        """Paths of the documents in a commit's writes."""
        if self.method != "Commit":
            return []
        writes = _Commit.FromString(self.request).writes
        return [_path(write.update.name or write.delete) for write in writes]

    @property
    def indexed(self) -> list[str]:
        """What a commit writes into the two indexed times."""
        if self.method != "Commit":
            return []
        fields = [write.update.fields for write in _Commit.FromString(self.request).writes]
        return [
            each[name].string_value for each in fields for name in ("due_at", "open_since") if name in each
        ]

    @property
    def asked(self) -> list[str]:
        """Paths of the documents in a lookup."""
        if self.method != "BatchGetDocuments":
            return []
        return [_path(name) for name in _BatchGet.FromString(self.request).documents]

    @property
    def found(self) -> int:
        """Documents that a query answered with."""
        if self.method != "RunQuery":
            return 0
        return sum(_QueryReply.FromString(reply).HasField("document") for reply in self.replies)

    @property
    def published(self) -> list[tuple[str, int]]:
        """Topic and size in bytes (data and attributes, as Pub/Sub counts) of the published messages."""
        if self.method != "Publish":
            return []
        publish = _Publish.FromString(self.request)
        topic = publish.topic.rpartition("/")[2]
        return [(topic, _size(message)) for message in publish.messages]


class WireProxy:
    """Listens on 127.0.0.1 and passes every RPC on to `upstream` (host:port). An async context manager.

    `away_s`: how far away `upstream` is made, in seconds; every call takes that much longer.
    """

    def __init__(self, upstream: str, record: Callable[[Call], None], *, away_s: float = 0.0) -> None:
        self._upstream = upstream
        self._record = record
        self._away_s = away_s
        self.host = ""

    async def __aenter__(self) -> Self:
        self._channel = aio.insecure_channel(self._upstream, options=OPTIONS)
        self._server = aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((_Everything(self._forward),))
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(grace=1)
        await self._channel.close()

    async def _forward(
        self, method: str, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        call = Call(method.rpartition("/")[2], time.monotonic())
        await asyncio.sleep(self._away_s)
        metadata = [(key, value) for key, value in context.invocation_metadata() if not key.startswith(":")]
        upstream = self._channel.stream_stream(method)(_noting(call, requests), metadata=metadata)
        try:
            async for reply in upstream:
                call.replies.append(reply)
                yield reply
            call.ok = True
        except aio.AioRpcError as error:
            await context.abort(error.code(), error.details())
        finally:
            call.ended = time.monotonic()
            self._record(call)


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio publishes no types
    """Every method of every service. On the wire a unary call is a stream of one."""

    def __init__(self, forward: Callable[[str, AsyncIterator[bytes], Any], AsyncIterator[bytes]]) -> None:
        self._forward = forward

    def service(self, details: Any) -> Any:
        # An async generator itself: grpcio looks at the function, not at what it returns.
        async def behaviour(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for reply in self._forward(details.method, requests, context):
                yield reply

        return grpc.stream_stream_rpc_method_handler(behaviour)


async def _noting(call: Call, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for request in requests:
        call.request += request
        yield request


def _path(name: str) -> str:
    return name.partition("/documents/")[2]


def _size(message: Any) -> int:
    attributes: Mapping[str, str] = message.attributes
    return len(message.data) + sum(len(key) + len(value) for key, value in attributes.items())
