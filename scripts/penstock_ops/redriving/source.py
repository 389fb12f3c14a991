"""The subscription in which dead letters wait: looked through as a whole, acked one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any, Protocol

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Delivery
from penstock.errors import StoreUnavailable
from penstock.messages.envelope import Envelope
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import System
from penstock_ops.terminal.topology import Topology

#: Letters of one call.
_MANY = 500
#: More than this is not held at once, in bytes: the rest is for the next run.
HOLD_BYTES = 512 * 1024 * 1024
#: A subscription that brings nothing for this long, twice, is empty: in seconds.
_QUIET_S = 5.0
_QUIET_EMULATOR_S = 1.0
_CALL_S = 20.0
#: What is held stays held for this long, and is prolonged well before: in seconds.
_HOLD_S, _PROLONG_S = 600, 120

Advance = Callable[[int], None]


class Waiting(Protocol):
    """What waits in the subscription. Whatever is not acked goes back when it is closed."""

    async def look(self, advance: Advance) -> list[Envelope]:
        """Everything, each once; `advance` hears how many were found.

        Raises OperatorFault, StoreUnavailable.
        """
        ...

    async def ack(self, message_ids: Sequence[str]) -> None:
        """These leave the dead letters; a lost ack means that they come again. Raises StoreUnavailable."""
        ...


def topology_of(system: System) -> Topology:
    """The names of `system`'s subscriptions, as Terraform and the local stack make them."""
    settings = system.settings
    return Topology(
        request_topic=settings.request_topic,
        response_topic=settings.response_topic,
        dead_letter_topic=settings.dead_letter_topic,
    )


@asynccontextmanager
async def open_waiting(system: System) -> AsyncIterator[Waiting]:
    """The dead letters of `system`."""
    name, bus = topology_of(system).dead_letter_subscription, system.local_bus
    opened = _local(bus, name) if bus is not None else _on_pubsub(system, name)
    async with opened as waiting:
        yield waiting


@asynccontextmanager
async def _local(bus: LocalBus, name: str) -> AsyncIterator[Waiting]:
    waiting = _LocalWaiting(bus, name)
    try:
        yield waiting
    finally:
        await bus.nack(waiting.held.values())


class _LocalWaiting:
    def __init__(self, bus: LocalBus, name: str) -> None:
        self.held: dict[str, Delivery] = {}
        self._bus = bus
        self._name = name

    async def look(self, advance: Advance) -> list[Envelope]:
        size = 0
        while size < HOLD_BYTES:
            pulled = await self._bus.pull(self._name, _MANY)
            new = [one for one in pulled if one.envelope.message_id not in self.held]
            self.held |= {one.envelope.message_id: one for one in pulled}
            if not new:
                break
            size += sum(len(one.envelope.data) for one in new)
            advance(len(self.held))
        return [one.envelope for one in self.held.values()]

    async def ack(self, message_ids: Sequence[str]) -> None:
        await self._bus.ack([self.held.pop(message_id) for message_id in message_ids])


@asynccontextmanager
async def _on_pubsub(system: System, name: str) -> AsyncIterator[Waiting]:
    from google.api_core.exceptions import GoogleAPIError
    from google.pubsub_v1 import SubscriberAsyncClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

    from penstock.adapters.google.grpc_channel import open_transport

    emulator = system.settings.pubsub_emulator
    client = SubscriberAsyncClient(transport=open_transport(SubscriberGrpcAsyncIOTransport, emulator))
    path = f"projects/{system.settings.project}/subscriptions/{name}"
    waiting = _PubSubWaiting(client, path, _QUIET_EMULATOR_S if emulator else _QUIET_S)
    prolonging = asyncio.create_task(waiting.prolong())
    try:
        yield waiting
    finally:
        prolonging.cancel()
        await asyncio.wait({prolonging})
        with suppress(GoogleAPIError):  # they come back by themselves, at their ack deadline
            await waiting.give_back()
        await client.transport.close()  # type: ignore[no-untyped-call]  # the SDK's own gap


class _PubSubWaiting:
    def __init__(self, client: Any, subscription: str, quiet_s: float) -> None:
        self._client = client
        self._subscription = subscription
        self._quiet_s = quiet_s
        #: The newest ack id by message id.
        self._held: dict[str, str] = {}

    async def look(self, advance: Advance) -> list[Envelope]:
        found: dict[str, Envelope] = {}
        quiet = size = 0
        while quiet < 2 and size < HOLD_BYTES:
            received = await self._pull()
            self._held |= {one.message.message_id: one.ack_id for one in received}
            await self._hold([one.ack_id for one in received])
            new = [one.message for one in received if one.message.message_id not in found]
            found |= {message.message_id: _envelope(message, self._subscription) for message in new}
            size += sum(len(message.data) for message in new)
            quiet = 0 if new else quiet + 1
            advance(len(found))
        return list(found.values())

    async def ack(self, message_ids: Sequence[str]) -> None:
        from google.api_core.exceptions import GoogleAPIError

        try:
            for ack_ids in _parts([self._held.pop(message_id) for message_id in message_ids]):
                await self._client.acknowledge(
                    subscription=self._subscription, ack_ids=ack_ids, retry=None, timeout=_CALL_S
                )
        except GoogleAPIError as error:
            raise StoreUnavailable(f"Pub/Sub did not take an ack: {str(error)[:300]}") from None

    async def prolong(self) -> None:
        """Keep what is held from coming again, until cancelled."""
        while True:
            await asyncio.sleep(_PROLONG_S)
            await self._hold(list(self._held.values()))

    async def give_back(self) -> None:
        """Let whoever looks next find what is held."""
        await self._modify(list(self._held.values()), 0)

    async def _pull(self) -> Sequence[Any]:
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPIError, NotFound, PermissionDenied

        try:
            reply = await self._client.pull(
                subscription=self._subscription, max_messages=_MANY, retry=None, timeout=self._quiet_s
            )
        except DeadlineExceeded:  # nothing came
            return ()
        except NotFound:
            raise OperatorFault(
                f"there is no subscription {self._subscription}: Terraform makes it, and `penstock dev "
                "--emulators` does on the emulators."
            ) from None
        except PermissionDenied:
            raise OperatorFault(
                f"you may not pull from {self._subscription}: it takes roles/pubsub.subscriber on it."
            ) from None
        except GoogleAPIError as error:
            raise StoreUnavailable(f"the dead letters cannot be read: {str(error)[:300]}") from None
        messages: Sequence[Any] = reply.received_messages
        return messages

    async def _hold(self, ack_ids: list[str]) -> None:
        from google.api_core.exceptions import GoogleAPIError

        with suppress(GoogleAPIError):  # a letter that comes twice does no harm
            await self._modify(ack_ids, _HOLD_S)

    async def _modify(self, ack_ids: list[str], seconds: int) -> None:
        for part in _parts(ack_ids):
            await self._client.modify_ack_deadline(
                subscription=self._subscription, ack_ids=part, ack_deadline_seconds=seconds,
                retry=None, timeout=_CALL_S,
            )  # fmt: skip


def _parts(ack_ids: Sequence[str]) -> Iterator[list[str]]:
    """In calls of at most _MANY: Pub/Sub takes 512 KiB of ids."""
    left = iter(ack_ids)
    while part := list(islice(left, _MANY)):
        yield part


def _envelope(message: Any, subscription: str) -> Envelope:
    return Envelope(
        data=message.data,
        attributes=dict(message.attributes),
        message_id=message.message_id,
        published_at=message.publish_time,
        subscription=subscription,
    )
