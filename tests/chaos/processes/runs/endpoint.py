"""The endpoint that runs tell of their end: it answers each second callback with a failure first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.callback_receiver import Received
from tests.servers.hook_server import HookServer

#: By what every endpoint of every tenant is registered.
NAME = "crm"
_REPLIES = {204: b"HTTP/1.1 204 No Content\r\n\r\n", 503: b"HTTP/1.1 503 Service Unavailable\r\n\r\n"}


@dataclass(slots=True)
class Endpoint(HookServer):
    """`received` is what arrived, and what was answered, oldest first."""

    received: list[Received] = field(default_factory=list)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        arrived = self.arrived[-1]
        webhook_id = arrived.headers.get("webhook-id", "")
        status = _status(webhook_id, self.received)
        url = self.url(arrived.line.split("/")[1].split(" ")[0])
        self.received.append(Received(time.time(), url, webhook_id, arrived.headers, arrived.body, status))
        writer.write(_REPLIES[status])
        await writer.drain()

    def url(self, tenant: str) -> str:
        return f"http://127.0.0.1:{self.port}/{tenant}"


def _status(webhook_id: str, before: Sequence[Received]) -> int:
    is_first = all(one.webhook_id != webhook_id for one in before)
    return 503 if is_first and int(webhook_id[-1:] or "0", 16) % 2 else 204
