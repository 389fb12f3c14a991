"""An endpoint of the simulated world, the way to it, and what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.errors import NotDelivered
from penstock.outlet import Answered
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance

#: What an endpoint answers at a time, in seconds; None: nothing.
Receives = Callable[[float], "int | None"]

MASTER: Final = "the master secret of a simulated world"


class _Signing:
    async def value(self) -> str:
        return MASTER


SIGNING: Final = _Signing()


@dataclass(frozen=True, slots=True)
class Received:
    """One callback as it arrived, and what was answered."""

    at: float
    url: str
    webhook_id: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None

    @property
    def told(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True)
class Receiver:
    """Everything that arrived, oldest first."""

    receives: Receives
    arrived: list[Received] = field(default_factory=list)

    def take(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        at = asyncio.get_running_loop().time()
        status = self.receives(at)
        self.arrived.append(Received(at, url, headers.get("webhook-id", ""), headers, body, status))
        if status is None:
            raise NotDelivered("simulated: no answer")
        return Answered(status)


class SimOutlet:
    """The Outlet port of one instance."""

    def __init__(self, receiver: Receiver, instance: Instance) -> None:
        self._receiver, self._instance = receiver, instance

    async def post(self, url: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answered:
        async def effect() -> Answered:
            return self._receiver.take(url, data, headers)

        return await self._instance.step("callback", effect, _undelivered, timeout_s)

    async def answer(self, url: str, data: bytes, *, timeout_s: float) -> Answered:
        return await self.post(url, data, {"authorization": "Bearer simulated"}, timeout_s=timeout_s)

    async def close(self) -> None:
        """Nothing is held open."""


def _undelivered(fault: Fault) -> Exception:
    return NotDelivered(f"simulated: {fault}")
