"""The three ways in which a delivery reaches an endpoint, each with its broker, behind one face."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.buses.push import Pusher
from penstock.adapters.buses.subscription import Subscription
from penstock.adapters.google.grpc_channel import open_transport
from penstock.messages.envelope import Envelope
from penstock.ports import Bus
from penstock_ops.emulation.bridge import Bridge, Route
from penstock_ops.terminal.topology_on_pubsub import on_pubsub
from tests.contract.conftest import SystemClock


class Rig(Protocol):
    """A bus, and the broker behind it."""

    bus: Bus
    #: Whether the push body tells the delivery attempt.
    counts_attempts: bool

    async def create_topic(self, name: str) -> None: ...

    async def subscribe(self, subscription: Subscription) -> None:
        """Create it, and deliver it from now on if it has an endpoint."""
        ...

    async def pull(self, subscription: str) -> Envelope:
        """Wait for one message, ack it."""
        ...


class LocalRig:
    """The embedded bus and its pusher. The publisher is an object of its own, as in another process."""

    counts_attempts = True

    def __init__(self, folder: Path) -> None:
        self._broker = LocalBus(folder, SystemClock())
        self.bus: Bus = LocalBus(folder, SystemClock())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[LocalRig]:
        async with running(Pusher(self._broker, SystemClock()).run()):
            yield self
        await self._broker.close()

    async def create_topic(self, name: str) -> None:
        await self._broker.create_topic(name)

    async def subscribe(self, subscription: Subscription) -> None:
        await self._broker.create_subscription(subscription)

    async def pull(self, subscription: str) -> Envelope:
        while not (deliveries := await self._broker.pull(subscription, 1)):
            await asyncio.sleep(0.02)
        await self._broker.ack(deliveries)
        return deliveries[0].envelope


class PubSubRig:
    """The Pub/Sub emulator, pushing by itself, or pulled by the bridge."""

    def __init__(self, project: str, host: str, *, bridged: bool) -> None:
        self._project = project
        self._host = host
        self._bridged = bridged
        self._bridges: set[asyncio.Task[None]] = set()
        self.counts_attempts = bridged  # the emulator's own push never tells
        self.bus: Bus = PubSubBus(project, emulator_host=host)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[PubSubRig]:
        publisher = open_transport(PublisherGrpcAsyncIOTransport, self._host)
        subscriber = open_transport(SubscriberGrpcAsyncIOTransport, self._host)
        self._publisher = PublisherAsyncClient(transport=publisher)
        self._subscriber = SubscriberAsyncClient(transport=subscriber)
        yield self
        for bridge in self._bridges:
            bridge.cancel()
        await asyncio.gather(*self._bridges, return_exceptions=True)
        for name in [s.name async for s in await self._subscriber.list_subscriptions(project=self._parent)]:
            await self._subscriber.delete_subscription(subscription=name)  # else it pushes for ever
        await publisher.close()
        await subscriber.close()

    @property
    def _parent(self) -> str:
        return f"projects/{self._project}"

    async def create_topic(self, name: str) -> None:
        await self._publisher.create_topic(name=f"{self._parent}/topics/{name}")

    async def subscribe(self, subscription: Subscription) -> None:
        endpoint = subscription.endpoint
        made = replace(subscription, endpoint=None) if self._bridged else subscription
        await self._subscriber.create_subscription(request=on_pubsub(self._project, made))
        if self._bridged and endpoint:
            route = Route(subscription.name, endpoint, ack_deadline_s=subscription.ack_deadline_s)
            bridge = Bridge(self._project, [route], emulator_host=self._host)
            self._bridges.add(asyncio.create_task(bridge.run()))

    async def pull(self, subscription: str) -> Envelope:
        name = f"{self._parent}/subscriptions/{subscription}"
        while True:
            reply = await self._subscriber.pull(subscription=name, max_messages=1, timeout=30)
            for received in reply.received_messages:
                await self._subscriber.acknowledge(subscription=name, ack_ids=[received.ack_id])
                message = received.message
                return Envelope(
                    message.data, dict(message.attributes), message.message_id, message.publish_time, name
                )


@contextlib.asynccontextmanager
async def running(work: contextlib.AbstractAsyncContextManager[None] | object) -> AsyncIterator[None]:
    """Run a coroutine beside the body, and end it with it."""
    assert asyncio.iscoroutine(work)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
