"""A deployment whose requests wait for a batch, without its sweeper: what it would wake is woken by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.batches.record import CLOSED
from penstock.batches.rooms import BATCH, PILE
from penstock.batches.story import batch
from penstock.clock import SystemClock
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.paths import request_path
from penstock.requests.handle import handle
from penstock.services import Services

TOPIC = "llm-batches"
_DAY_S = 86_400
#: Longer than a pile gathers.
_RIPE = timedelta(seconds=200)
_PAGE = 300


class Ahead(SystemClock):
    """The machine's clock, put forward: what is ripe in three minutes is ripe now."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


@dataclass
class Piled:
    """`batchers` of one deployment, by the same `clock`; `ended` waits until none of their jobs runs."""

    batchers: list[Services]
    clock: Ahead
    ended: Callable[[], Awaitable[None]]

    async def ask(self, prompts: Mapping[str, str]) -> None:
        """Requests that can wait a day, by their ids."""
        for name, prompt in prompts.items():
            body = {"prompt": prompt, "request_id": name, "max_wait_s": _DAY_S}
            await handle(self.batchers[0], _message(json.dumps(body).encode(), f"m-{name}", {}))

    async def work_off(self) -> None:
        """Each batcher seals what waits, at the same time; then what is out is collected."""
        self.clock.by += _RIPE
        for pile in await self._documents("piles"):
            if "open_since" in pile:
                wake = _wake(Wake("default", str(pile["pile"]), 0), PILE)
                await asyncio.gather(*(batch(s, wake) for s in self.batchers))
        await self.ended()
        for out in await self._documents("batches"):
            if out["state"] != CLOSED:
                wake = _wake(Wake("default", str(out["name"]), int(out["fence"])), BATCH)
                await batch(self.batchers[0], wake)

    async def rest(self, names: Sequence[str], rounds: int = 20) -> list[dict[str, Any]]:
        """The results of these requests, once each has one and no batch is open; the clock goes on."""
        for _ in range(rounds):
            await self.work_off()
            waiting = [one for one in await self.requests(names) if "result" not in one]
            for one in waiting:
                wake = Wake("default", str(one["request_id"]), int(one["fence"]))
                await handle(self.batchers[0], _wake(wake, "request_id"))
            if not waiting and await self.stages() <= {"over"}:
                return [one["result"] for one in await self.requests(names)]
        raise AssertionError(f"not at rest after {rounds} rounds: {await self.stages()}")

    async def requests(self, names: Sequence[str]) -> list[dict[str, Any]]:
        found = await self.batchers[0].store.read(
            [request_path("default", name) for name in names], timeout_s=10
        )
        return [dict(one.fields or {}) for one in found]

    async def stages(self) -> set[str]:
        return {str(one["stage"]) for one in await self._documents("batches")}

    async def close(self) -> None:
        for s in self.batchers:
            await s.close()

    async def _documents(self, group: str) -> list[Mapping[str, Any]]:
        store = self.batchers[0].store
        found = await store.scan(f"tenants/default/{group}", after="", limit=_PAGE, timeout_s=10)
        return [one.fields or {} for one in found]


def _message(data: bytes, name: str, attributes: Mapping[str, str]) -> Envelope:
    return Envelope(data, dict(attributes), name, datetime.now(UTC), "a subscription")


def _wake(wake: Wake, room: str) -> Envelope:
    return _message(b"", "w", wake.encode(room))
