"""The cloud bus: topics in Pub/Sub, or in its emulator.

No thread, and no wait for a batch but while a call is under way (buses/batches.py).
`python -m penstock_ops.bench.client_cost` measures it beside the client libraries' own layers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest, PublishResponse, PubsubMessage

from penstock.adapters.buses.batches import Batches
from penstock.adapters.buses.limits import MAX_BYTES, check_message
from penstock.adapters.google.grpc_service import GrpcService, Unanswered, routing
from penstock.errors import PublishFailed

# The bare protobuf classes: the proto-plus wrappers around them cost more than they give.
_Publish = PublishRequest.pb()
_Published = PublishResponse.pb()
_Message = PubsubMessage.pb()
#: Bytes of a call beside its messages: the topic's name, and each message's length.
_OVERHEAD = 512


class PubSubBus:
    """The Bus port on the topics of one project.

    `emulator_host` is `host:port` of the emulator; None: the service, with the default credentials.
    Nothing is opened before the first publish; the connection is then reused.
    """

    def __init__(self, project: str, *, emulator_host: str | None = None) -> None:
        self._project = project
        self._service = GrpcService(
            "google.pubsub.v1.Publisher", PublisherGrpcAsyncIOTransport, emulator_host
        )
        self._batches = Batches(self._send)

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        check_message(data, attributes)
        message = _Message(data=data, attributes=attributes)
        if (size := message.ByteSize() + _OVERHEAD) > MAX_BYTES:
            raise PublishFailed(
                f"the message has {size:,} bytes, Pub/Sub takes {MAX_BYTES:,}: make it smaller"
            )
        try:
            async with asyncio.timeout(timeout_s):
                return await self._batches.publish(topic, message, size, timeout_s)
        except TimeoutError:
            raise PublishFailed(f"topic {topic} did not confirm: no answer within {timeout_s:g} s") from None

    async def _send(self, topic: str, messages: Sequence[Any], timeout_s: float) -> Sequence[str]:
        name = f"projects/{self._project}/topics/{topic}"
        encoded = _Publish(topic=name, messages=messages).SerializeToString()
        metadata = (routing("topic", name),)
        try:
            reply = await self._service.ask("Publish", encoded, _Published, metadata, timeout_s=timeout_s)
        except Unanswered as error:
            raise PublishFailed(f"topic {topic} did not confirm: {error}") from error
        return [str(id) for id in reply.message_ids]

    async def close(self) -> None:
        await self._service.close()
        await self._batches.close()
