"""What became of the deliveries of one pull subscription, told to Pub/Sub in few calls."""

from __future__ import annotations

import asyncio
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.pubsub_v1 import SubscriberAsyncClient

from penstock import log

#: The time limit of one acknowledgement, in seconds.
_ACK_S = 10.0


class Outcomes:
    """Acks and nacks of one subscription, each RPC carrying all that have come together meanwhile."""

    def __init__(self, client: SubscriberAsyncClient, subscription: str) -> None:
        self._client = client
        self._subscription = subscription
        self._open: set[str] = set()
        self._acks: list[str] = []
        self._nacks: list[str] = []
        self._some = asyncio.Event()

    def open(self, ack_id: str) -> None:
        self._open.add(ack_id)

    def ack(self, ack_id: str) -> None:
        self._acks.append(ack_id)
        self._some.set()

    def nack(self, ack_id: str) -> None:
        self._nacks.append(ack_id)
        self._some.set()

    async def run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self._send()

    async def give_back_all(self) -> None:
        """Send what is decided, nack what is not."""
        self._nacks += self._open - {*self._acks, *self._nacks}
        await self._send()

    async def _send(self) -> None:
        acks, self._acks = self._acks, []
        nacks, self._nacks = self._nacks, []
        self._open.difference_update(acks, nacks)
        options: dict[str, Any] = {"subscription": self._subscription, "retry": None, "timeout": _ACK_S}
        try:
            if acks:
                await self._client.acknowledge(ack_ids=acks, **options)
            if nacks:
                await self._client.modify_ack_deadline(ack_ids=nacks, ack_deadline_seconds=0, **options)
        except GoogleAPIError as error:  # they come again at their ack deadline
            text = f"{type(error).__name__}: {str(error)[:300]}"
            log.warning("bridge.outcomes_lost", "neither acked nor nacked", error=text)
