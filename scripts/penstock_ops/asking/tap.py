"""A tap: a subscription of one's own on a topic, for as long as somebody looks."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Protocol

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Subscription
from penstock.errors import StoreUnavailable
from penstock.messages.envelope import Envelope
from penstock_ops.terminal.system import System

_PREFIX = "tap-"
#: How often a local tap looks whether somebody published, in seconds.
_POLL_S = 0.05
#: How many messages one look takes.
_MANY = 500
#: A tap in Pub/Sub that nobody deletes is gone after a day, its shortest expiry.
_EXPIRY_S = 24 * 3600
#: The time limit of one call to Pub/Sub, in seconds.
_CALL_S = 20.0


class Tap(Protocol):
    """What comes in on a topic from the moment the tap was opened; each message once or more."""

    async def next(self) -> list[Envelope]:
        """Wait for some messages; they are acked. Raises StoreUnavailable."""
        ...


@asynccontextmanager
async def open_tap(system: System, topic: str) -> AsyncIterator[Tap]:
    """A tap on `topic`; its subscription is deleted at the end. Raises StoreUnavailable."""
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    bus = system.local_bus
    opened = _local(bus, name, topic) if bus is not None else _on_pubsub(system, name, topic)
    async with opened as tap:
        yield tap


@asynccontextmanager
async def _local(bus: LocalBus, name: str, topic: str) -> AsyncIterator[Tap]:
    await _forget_dead(bus)
    await bus.create_subscription(Subscription(name, topic, ack_deadline_s=60))
    try:
        yield _LocalTap(bus, name)
    finally:
        with suppress(StoreUnavailable):
            await bus.delete_subscription(name)


async def _forget_dead(bus: LocalBus) -> None:
    """Taps whose process was killed would keep every message."""
    for known in await bus.subscriptions():
        owner = known.name.removeprefix(_PREFIX).partition("-")[0]
        if known.name.startswith(_PREFIX) and owner.isdigit() and not _is_alive(int(owner)):
            await bus.delete_subscription(known.name)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _LocalTap:
    def __init__(self, bus: LocalBus, name: str) -> None:
        self._bus = bus
        self._name = name

    async def next(self) -> list[Envelope]:
        while True:
            before = await self._bus.data_version()
            deliveries = await self._bus.pull(self._name, _MANY)
            if deliveries:
                await self._bus.ack(deliveries)
                return [delivery.envelope for delivery in deliveries]
            # Another process publishes: there is no event to wait for.
            while await self._bus.data_version() == before:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _on_pubsub(system: System, name: str, topic: str) -> AsyncIterator[Tap]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.pubsub_v1 import SubscriberAsyncClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

    from penstock.adapters.google.grpc_channel import open_transport

    project = system.settings.project
    path = f"projects/{project}/subscriptions/{name}"
    request = {
        "name": path,
        "topic": f"projects/{project}/topics/{topic}",
        "ack_deadline_seconds": 60,
        "expiration_policy": {"ttl": {"seconds": _EXPIRY_S}},
        "message_retention_duration": {"seconds": 3600},
    }
    async with AsyncExitStack() as stack:
        try:
            transport = open_transport(SubscriberGrpcAsyncIOTransport, system.settings.pubsub_emulator)
            stack.push_async_callback(transport.close)
            client = SubscriberAsyncClient(transport=transport)
            await client.create_subscription(request=request, retry=None, timeout=_CALL_S)
        except (GoogleAPIError, GoogleAuthError) as error:
            raise StoreUnavailable(
                f"the topic {topic} cannot be followed: {type(error).__name__}: {str(error)[:300]}"
            ) from None
        try:
            yield _PubSubTap(client, path)
        finally:
            with suppress(GoogleAPIError):
                await client.delete_subscription(subscription=path, retry=None, timeout=_CALL_S)


class _PubSubTap:
    def __init__(self, client: Any, subscription: str) -> None:
        self._client = client
        self._subscription = subscription

    async def next(self) -> list[Envelope]:
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPIError

        while True:
            try:
                reply = await self._client.pull(
                    subscription=self._subscription, max_messages=_MANY, retry=None, timeout=_CALL_S
                )
            except DeadlineExceeded:  # nothing came
                continue
            except GoogleAPIError as error:
                raise StoreUnavailable(f"Pub/Sub does not answer any more: {str(error)[:300]}") from None
            if reply.received_messages:
                ids = [received.ack_id for received in reply.received_messages]
                await self._client.acknowledge(
                    subscription=self._subscription, ack_ids=ids, retry=None, timeout=_CALL_S
                )
                return [_envelope(received, self._subscription) for received in reply.received_messages]


def _envelope(received: Any, subscription: str) -> Envelope:
    message = received.message
    return Envelope(
        data=message.data,
        attributes=dict(message.attributes),
        message_id=message.message_id,
        published_at=message.publish_time,
        subscription=subscription,
    )
