"""Messages for one topic that are published at about the same time share one call (group commit).

A call costs about the same CPU for one message and for ten. A message alone goes at once; while a call is
under way, those that come meanwhile wait for its end and go together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.adapters.buses.limits import MAX_BYTES
from penstock.errors import PublishFailed

#: The longest wait for the call before: one that hangs must not hold up the others.
LINGER_S = 0.02
#: Pub/Sub's limit of messages in one call (https://cloud.google.com/pubsub/quotas#resource_limits).
MAX_MESSAGES = 1000

#: Publishes encoded messages to a topic within so many seconds: their ids in order. Raises PublishFailed.
Send = Callable[[str, Sequence[Any], float], Awaitable[Sequence[str]]]


@dataclass(slots=True)
class _Batch:
    """What one call will carry; open until the call starts."""

    messages: list[Any] = field(default_factory=list)
    size: int = 0
    #: How many publishers wait for the call.
    waiting: int = 0
    call: asyncio.Task[Sequence[str]] | None = None

    def takes(self, size: int) -> bool:
        return len(self.messages) < MAX_MESSAGES and self.size + size <= MAX_BYTES


class Batches:
    """Gathers messages by topic. Belongs to the loop that it is used in."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open: dict[str, _Batch] = {}
        #: The newest call of each topic, waiting or under way.
        self._newest: dict[str, asyncio.Task[Sequence[str]]] = {}
        self._calls: set[asyncio.Task[Sequence[str]]] = set()

    async def publish(self, topic: str, message: Any, size: int, timeout_s: float) -> str:
        """The id of `message`, which has `size` bytes. Raises PublishFailed.

        The call has the `timeout_s` seconds of the batch's first. It is cancelled when nobody waits for it
        any more; who gives up before the others has the message published all the same.
        """
        batch = self._open.get(topic)
        if batch is None or not batch.takes(size):
            batch = self._begin(topic, timeout_s)
        place = len(batch.messages)
        batch.messages.append(message)
        batch.size += size
        return (await self._ids(topic, batch))[place]

    async def _ids(self, topic: str, batch: _Batch) -> Sequence[str]:
        assert batch.call is not None
        batch.waiting += 1
        try:
            return await asyncio.shield(batch.call)
        except PublishFailed as error:
            # One each: an error that is raised twice carries both traces.
            raise PublishFailed(str(error)) from error
        finally:
            batch.waiting -= 1
            if not batch.waiting:
                batch.call.cancel()
                self._shut(topic, batch)

    def _shut(self, topic: str, batch: _Batch) -> None:
        if self._open.get(topic) is batch:
            del self._open[topic]

    async def close(self) -> None:
        """Wait for what is under way; it ends soon once its connection is closed."""
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _begin(self, topic: str, timeout_s: float) -> _Batch:
        batch = self._open[topic] = _Batch()
        call = asyncio.create_task(self._call(topic, batch, self._newest.get(topic), timeout_s))
        batch.call = self._newest[topic] = call
        self._calls.add(call)
        call.add_done_callback(self._ended)
        return batch

    def _ended(self, call: asyncio.Task[Sequence[str]]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # heard, though whoever published may have gone

    async def _call(
        self, topic: str, batch: _Batch, before: asyncio.Task[Sequence[str]] | None, timeout_s: float
    ) -> Sequence[str]:
        if before is not None and not before.done():
            await asyncio.wait({before}, timeout=LINGER_S)
        self._shut(topic, batch)
        ids = await self._send(topic, batch.messages, timeout_s)
        if len(ids) != len(batch.messages):
            raise PublishFailed(f"topic {topic} confirmed {len(ids)} of {len(batch.messages)} messages")
        return ids
