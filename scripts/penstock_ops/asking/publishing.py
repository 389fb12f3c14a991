"""Publishing many messages at once, and knowing at every moment which were taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from penstock.timing import Timing
from penstock_ops.asking.outgoing import Outgoing
from penstock_ops.terminal.system import System

#: Publishes under way at once, and their bytes.
_WIDTH, _BYTES = 50, 2**26


@dataclass(frozen=True, slots=True)
class Sent:
    """One published message. `payload_sha256` is None when it can be no request."""

    tenant: str
    request_id: str
    prompt: str
    message_id: str
    payload_sha256: str | None


async def publish_all(
    system: System, messages: Iterable[Outgoing], sent: list[Sent], on_sent: Callable[[], None]
) -> None:
    """Publish in order, many at once; each that is confirmed is added to `sent`, in order.

    Raises PublishFailed. However it ends, what was under way is waited for: it may have been taken.
    """
    under_way: deque[tuple[asyncio.Task[Sent], int]] = deque()
    try:
        for message in messages:
            size = message.size
            while under_way and (len(under_way) >= _WIDTH or _total(under_way) + size > _BYTES):
                await _next(under_way, sent)
                on_sent()
            under_way.append((asyncio.create_task(_publish(system, message)), size))
        while under_way:
            await _next(under_way, sent)
    except BaseException:
        ended = await asyncio.gather(*(task for task, _ in under_way), return_exceptions=True)
        sent.extend(one for one in ended if isinstance(one, Sent))
        raise


def _total(under_way: Iterable[tuple[asyncio.Task[Sent], int]]) -> int:
    return sum(size for _, size in under_way)


async def _next(under_way: deque[tuple[asyncio.Task[Sent], int]], sent: list[Sent]) -> None:
    task, _ = under_way[0]
    await asyncio.wait({task})  # unlike `await task`, this leaves it alone when we are interrupted
    under_way.popleft()
    sent.append(task.result())


async def _publish(system: System, message: Outgoing) -> Sent:
    message_id = await system.services.bus.publish(
        system.services.topics.request, message.data, message.attributes, timeout_s=Timing().publish_s
    )
    return Sent(message.tenant, message.request_id, message.prompt, message_id, message.payload_sha256)
