"""A gRPC server that refuses every method with one status."""

from __future__ import annotations

from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types


class RefusingGrpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # a class without types
    """Use it as an async context manager; `calls` counts what was asked."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self._status = status
        self.calls = 0

    async def __aenter__(self) -> RefusingGrpc:
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
        async def refuse(request: Any, context: Any) -> None:
            self.calls += 1
            await context.abort(self._status, "told to refuse")

        if details.method.endswith(("/Commit", "/Publish")):
            return grpc.unary_unary_rpc_method_handler(refuse)
        return grpc.unary_stream_rpc_method_handler(refuse)
