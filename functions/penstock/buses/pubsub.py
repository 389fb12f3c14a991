"""The cloud bus: topics in Pub/Sub, or in its emulator.

It publishes through the client library's generated asyncio layer: one RPC a message, no thread, no wait for
a batch. `python -m penstock_ops.client_cost` measures it beside the batching `PublisherClient`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest

from penstock.buses.limits import MAX_BYTES, check_message
from penstock.errors import PublishFailed
from penstock.grpc_channel import open_transport

# The bare protobuf class: the proto-plus wrapper around it costs more than it gives.
_Publish = PublishRequest.pb()


class PubSubBus:
    """The Bus port on the topics of one project.

    `emulator_host` is `host:port` of the emulator; None: the service, with the default credentials.
    Nothing is opened before the first publish; the connection is then reused.
    """

    def __init__(self, project: str, *, emulator_host: str | None = None) -> None:
        self._project = project
        self._emulator_host = emulator_host
        self._opened: PublisherAsyncClient | None = None

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        check_message(data, attributes)
        message = {"data": data, "attributes": dict(attributes)}
        request = _Publish(topic=f"projects/{self._project}/topics/{topic}", messages=[message])
        if (size := request.ByteSize()) > MAX_BYTES:
            raise PublishFailed(
                f"the message has {size:,} bytes, Pub/Sub takes {MAX_BYTES:,}: make it smaller"
            )
        try:
            async with asyncio.timeout(timeout_s):
                # retry=None: the client's own retry goes on for minutes behind our back.
                reply = await self._client().publish(request=request, retry=None, timeout=timeout_s)
        except TimeoutError:
            raise PublishFailed(f"topic {topic} did not confirm within {timeout_s:g} s") from None
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise PublishFailed(
                f"topic {topic} did not confirm: {type(error).__name__}: {str(error)[:300]}"
            ) from error
        if not reply.message_ids:
            raise PublishFailed(f"topic {topic} confirmed without a message id")
        return str(reply.message_ids[0])

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.transport.close()  # type: ignore[no-untyped-call]  # the SDK's own gap

    def _client(self) -> PublisherAsyncClient:
        if self._opened is None:
            transport = open_transport(PublisherGrpcAsyncIOTransport, self._emulator_host)
            self._opened = PublisherAsyncClient(transport=transport)
        return self._opened
