"""One of Google's gRPC services, called without the generated client: one RPC a call, and no retry.

The generated methods wrap every message, call and error once more, and put an interceptor on the channel.
`python -m penstock_ops.bench.client_cost` measures what that costs. Of what they send, the services need the
routing header: `routing` makes it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.auth.exceptions import GoogleAuthError
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types
from grpc import StatusCode, aio  # type: ignore[import-untyped]  # grpcio publishes no types

from penstock.adapters.google.grpc_channel import open_channel

Metadata = tuple[tuple[str, str], ...]

#: What a call can raise beside what it is for. gRPC raises CancelledError too: when its channel is closed.
_FAILURES = (aio.AioRpcError, aio.BaseError, GoogleAuthError, DecodeError, OSError, asyncio.CancelledError)


class Unanswered(Exception):
    """A call ended without an answer that can be used; `str(error)` says why.

    `status` is what the service said, or gRPC in its place; None: the call ended here.
    """

    def __init__(self, why: str, status: StatusCode | None = None) -> None:
        super().__init__(why)
        self.status = status


class GrpcService:
    """The service called `name` (`package.Service`), over a channel of `transport`, its SDK's class.

    `plaintext_host` is `host:port` of an emulator; None: the service, with the default credentials.
    Nothing is opened before the first call; the connection is then reused.
    """

    def __init__(self, name: str, transport: Any, plaintext_host: str | None) -> None:
        self._name = name
        self._transport = transport
        self._plaintext_host = plaintext_host
        self._channel: Any = None
        self._methods: dict[str, Any] = {}

    async def ask(
        self, method: str, request: bytes, reply: Any, metadata: Metadata, *, timeout_s: float
    ) -> Any:
        """The answer as a message of the class `reply`. Raises Unanswered, in `timeout_s` at the latest."""
        try:
            async with asyncio.timeout(timeout_s):
                call = self._method(method, "unary_unary")
                return _parsed(reply, await call(request, timeout=timeout_s, metadata=metadata))
        except _FAILURES as error:
            raise _unanswered(error, timeout_s) from error

    async def ask_for_all(
        self, method: str, request: bytes, reply: Any, metadata: Metadata, *, timeout_s: float
    ) -> list[Any]:
        """As `ask`, for a method that answers with a stream: all of its messages."""
        try:
            async with asyncio.timeout(timeout_s):
                call = self._method(method, "unary_stream")
                stream = call(request, timeout=timeout_s, metadata=metadata)
                return [_parsed(reply, answer) async for answer in stream]
        except _FAILURES as error:
            raise _unanswered(error, timeout_s) from error

    async def close(self) -> None:
        """Calls that are under way end as Unanswered. A later call opens a new connection."""
        channel, self._channel = self._channel, None
        self._methods = {}
        if channel is not None:
            await channel.close()

    def _method(self, method: str, kind: str) -> Any:
        if self._channel is None:
            self._channel = open_channel(self._transport, self._plaintext_host)
        if method not in self._methods:
            # No serializers: gRPC answers their errors with a traceback in the log and None.
            self._methods[method] = getattr(self._channel, kind)(f"/{self._name}/{method}")
        return self._methods[method]


def routing(field: str, value: str) -> tuple[str, str]:
    """The header by which Google's front end finds the resource that the request's `field` names."""
    header: tuple[str, str] = to_grpc_metadata(((field, value),))  # type: ignore[no-untyped-call]
    return header


def _parsed(reply: Any, answer: bytes | None) -> Any:
    if answer is None:  # the status OK without a message
        raise DecodeError("there is no message in it")
    return reply.FromString(answer)


def _unanswered(error: BaseException, timeout_s: float) -> Unanswered:
    """What `error` means; a cancellation of the task itself is raised on."""
    match error:
        case asyncio.CancelledError():
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise error
            return Unanswered("the connection was closed meanwhile")
        case TimeoutError():
            return Unanswered(f"no answer within {timeout_s:g} s")
        case DecodeError():
            return Unanswered(f"the answer cannot be read: {_short(error)}")
        case aio.AioRpcError():
            return Unanswered(f"{error.code().name}: {_short(error.details())}", error.code())
        case _:
            return Unanswered(f"{type(error).__name__}: {_short(error)}")


def _short(told: object) -> str:
    """One line of at most 300 characters."""
    return " ".join(str(told).split())[:300]
