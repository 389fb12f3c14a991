"""The dead letters' subscription on Pub/Sub: looked through as a whole, acked one by one.

Pub/Sub cannot be looked into: what is pulled is held for as long as somebody works on it, and given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

from penstock.adapters.buses.subscription import HOLD_BYTES
from penstock.errors import LettersOutOfReach, StoreUnavailable
from penstock.messages.envelope import Envelope
from penstock.ports import Waiting

#: Letters of one call.
_MANY = 500
#: A subscription that brings nothing for this long, twice, is empty: in seconds.
_QUIET_S = 5.0
_QUIET_EMULATOR_S = 1.0
_CALL_S = 20.0
#: What is held stays held for this long, and is prolonged well before: in seconds.
_HOLD_S, _PROLONG_S = 600, 120


@asynccontextmanager
async def waiting_on_pubsub(project: str, name: str, emulator_host: str | None) -> AsyncIterator[Waiting]:
    """What waits in the subscription `name`; whatever is not acked goes back at the end."""
    from google.api_core.exceptions import GoogleAPIError
    from google.pubsub_v1 import SubscriberAsyncClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

    from penstock.adapters.google.grpc_channel import open_transport

    client = SubscriberAsyncClient(transport=open_transport(SubscriberGrpcAsyncIOTransport, emulator_host))
    path = f"projects/{project}/subscriptions/{name}"
    waiting = _PubSubWaiting(client, path, _QUIET_EMULATOR_S if emulator_host else _QUIET_S)
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

    async def look(self, advance: Callable[[int], None], limit: int) -> list[Envelope]:
        found: dict[str, Envelope] = {}
        quiet = size = 0
        while quiet < 2 and size < HOLD_BYTES and len(found) < limit:
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
            raise LettersOutOfReach(
                f"there is no subscription {self._subscription}: Terraform makes it, and `penstock dev "
                "--emulators` does on the emulators."
            ) from None
        except PermissionDenied:
            raise LettersOutOfReach(
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
