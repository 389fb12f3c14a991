"""The topology on a Pub/Sub emulator. Apart from the names: the client takes half a second to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.api_core.exceptions import AlreadyExists, DeadlineExceeded, ServiceUnavailable
from google.api_core.retry_async import AsyncRetry, if_exception_type
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.buses.subscription import Subscription
from penstock.adapters.google.grpc_channel import open_transport
from penstock_ops.terminal.topology import Topology

#: The emulator refuses more; production takes 31 days.
_EMULATOR_RETENTION_S = 7 * 24 * 3600
#: An emulator on a busy machine may take longer to answer than a connection waits. Made twice is no matter.
_UNTIL_IT_ANSWERS = AsyncRetry(if_exception_type(ServiceUnavailable, DeadlineExceeded), timeout=90)


async def create_on_pubsub(
    topology: Topology, project: str, emulator_host: str, endpoints: Mapping[str, str]
) -> None:
    """Everything on a Pub/Sub emulator; again is fine, and changes the endpoints alone."""
    publisher = PublisherAsyncClient(transport=open_transport(PublisherGrpcAsyncIOTransport, emulator_host))
    subscriber = SubscriberAsyncClient(
        transport=open_transport(SubscriberGrpcAsyncIOTransport, emulator_host)
    )
    try:
        for topic in topology.topics:
            try:
                await publisher.create_topic(
                    name=f"projects/{project}/topics/{topic}", retry=_UNTIL_IT_ANSWERS, timeout=10
                )
            except AlreadyExists:
                continue
        for subscription in topology.subscriptions(endpoints):
            await _create_subscription(subscriber, project, subscription)
    finally:
        await publisher.transport.close()  # type: ignore[no-untyped-call]  # the SDK's own gap
        await subscriber.transport.close()  # type: ignore[no-untyped-call]  # the SDK's own gap


async def _create_subscription(client: SubscriberAsyncClient, project: str, wanted: Subscription) -> None:
    request = on_pubsub(project, wanted)
    try:
        await client.create_subscription(request=request, retry=_UNTIL_IT_ANSWERS, timeout=10)
    except AlreadyExists:
        await client.modify_push_config(
            subscription=request["name"], push_config=request.get("push_config", {}), retry=None, timeout=10
        )


def on_pubsub(project: str, wanted: Subscription) -> dict[str, Any]:
    """A subscription as the emulator takes it: ack deadline ≥ 10 s, retention ≤ 7 days."""
    request: dict[str, Any] = {
        "name": f"projects/{project}/subscriptions/{wanted.name}",
        "topic": f"projects/{project}/topics/{wanted.topic}",
        "ack_deadline_seconds": max(10, round(wanted.ack_deadline_s)),
        "message_retention_duration": {"seconds": round(min(wanted.retention_s, _EMULATOR_RETENTION_S))},
        "expiration_policy": {},
    }
    if wanted.endpoint:
        request["push_config"] = {"push_endpoint": wanted.endpoint}
    if wanted.min_backoff_s:
        request["retry_policy"] = {
            "minimum_backoff": {"seconds": round(wanted.min_backoff_s)},
            "maximum_backoff": {"seconds": round(wanted.max_backoff_s)},
        }
    if wanted.dead_letter_topic:
        request["dead_letter_policy"] = {
            "dead_letter_topic": f"projects/{project}/topics/{wanted.dead_letter_topic}",
            "max_delivery_attempts": wanted.max_attempts,
        }
    if wanted.filter:
        request["filter"] = wanted.filter
    return request
