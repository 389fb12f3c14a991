"""The cloud bus: topics in Pub/Sub, or in its emulator.

One RPC a message: no thread, no wait for a batch. `python -m penstock_ops.client_cost` measures it beside the
client libraries' own layers.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest, PublishResponse

from penstock.buses.limits import MAX_BYTES, check_message
from penstock.errors import PublishFailed
from penstock.grpc_service import GrpcService, Unanswered, routing

# The bare protobuf classes: the proto-plus wrappers around them cost more than they give.
_Publish = PublishRequest.pb()
_Published = PublishResponse.pb()


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

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        check_message(data, attributes)
        name = f"projects/{self._project}/topics/{topic}"
        request = _Publish(topic=name)
        message = request.messages.add(data=data)
        message.attributes.update(attributes)
        encoded = request.SerializeToString()
        if (size := len(encoded)) > MAX_BYTES:
            raise PublishFailed(
                f"the message has {size:,} bytes, Pub/Sub takes {MAX_BYTES:,}: make it smaller"
            )
        metadata = (routing("topic", name),)
        try:
            reply = await self._service.ask("Publish", encoded, _Published, metadata, timeout_s=timeout_s)
        except Unanswered as error:
            raise PublishFailed(f"topic {topic} did not confirm: {error}") from error
        if not reply.message_ids:
            raise PublishFailed(f"topic {topic} confirmed without a message id")
        return str(reply.message_ids[0])

    async def close(self) -> None:
        await self._service.close()
