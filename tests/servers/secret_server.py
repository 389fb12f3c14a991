"""A local server that speaks Secret Manager's gRPC method AccessSecretVersion."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
from google.cloud.secretmanager_v1.types import AccessSecretVersionRequest, AccessSecretVersionResponse

_METHOD = "/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"


class SecretServer:
    """Secrets by full version name (`projects/P/secrets/S/versions/V`), `latest` included.

    Use it as an async context manager. `refuse_with` answers everything with that status, `failures` the next
    calls with theirs; `gate`, when cleared, holds answers back. `asked` is every name asked for.
    """

    def __init__(self, secrets: dict[str, bytes]) -> None:
        self.secrets = secrets
        self.refuse_with: grpc.StatusCode | None = None
        self.failures: list[grpc.StatusCode] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[str] = []

    async def __aenter__(self) -> SecretServer:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Handler(self),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.set()
        await self._server.stop(0)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def answer(self, request: Any, context: Any) -> Any:
        self.asked.append(request.name)
        await self.gate.wait()
        if self.failures:
            await context.abort(self.failures.pop(0), "told to fail")
        if self.refuse_with is not None:
            await context.abort(self.refuse_with, "told to refuse")
        if request.name not in self.secrets:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        return AccessSecretVersionResponse(name=request.name, payload={"data": self.secrets[request.name]})


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # a class without types
    def __init__(self, server: SecretServer) -> None:
        self._server = server

    def service(self, details: Any) -> Any:
        if details.method != _METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._server.answer,
            request_deserializer=AccessSecretVersionRequest.deserialize,
            response_serializer=AccessSecretVersionResponse.serialize,
        )
