"""The dead letters' subscription of a local folder: looked through as a whole, acked one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import HOLD_BYTES, Delivery
from penstock.messages.envelope import Envelope
from penstock.ports import Waiting

#: Letters of one call.
_MANY = 500


@asynccontextmanager
async def waiting_locally(bus: LocalBus, name: str) -> AsyncIterator[Waiting]:
    """What waits in the subscription `name`; whatever is not acked goes back at the end."""
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

    async def look(self, advance: Callable[[int], None], limit: int) -> list[Envelope]:
        size = 0
        while size < HOLD_BYTES and len(self.held) < limit:
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
