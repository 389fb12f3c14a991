"""A gRPC server that answers every unary method with the same bytes, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types


class RawGrpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # a class without types
    """Use it as an async context manager. `answer` None: every call waits until its client gives up.

    `metadata` is what each call brought; `arrived` and `given_up` are set by a call that waits.
    """

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.metadata: list[dict[str, str]] = []
        self.arrived = asyncio.Event()
        self.given_up = asyncio.Event()

    async def __aenter__(self) -> RawGrpc:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def service(self, details: Any) -> Any:
        async def answer(request: Any, context: Any) -> bytes:
            self.metadata.append(dict(details.invocation_metadata))
            if self._answer is None:
                await self._wait()
            return self._answer or b""

        return grpc.unary_unary_rpc_method_handler(answer)

    async def _wait(self) -> None:
        self.arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()
