"""Makes `folder-1.tar.gz`: an embedded folder of format 1, by the code of the release that wrote it.

    git archive c534196 | tar -x -C OLD
    cd OLD && PYTHONPATH=functions:scripts:. python THIS_FILE FOLDER     # ends with SIGKILL: 137
    tar -C FOLDER -czf folder-1.tar.gz .

The clock is made to start at BEGAN, so that the folder can be continued on any day by a clock of that time.
There is a request in every state: `answered` and `hit` confirmed, `rejected` a dead letter, `large` with an
answer in blobs/, `parked` and `long` put aside by their provider (`long` with its payload in blobs/),
`unconfirmed` with its result still on the response topic, `held` by a pause, `leader` called when the process
died, `follower` behind it, `waiting` never delivered; beside them a message that is no request.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGAN = datetime(2026, 11, 27, 12, tzinfo=UTC)
#: Of the provider: its address is part of a cache key.
PORT = 18155
#: What each request asks.
ASKS = {
    "answered": "What is kept? [id:kept]",
    "hit": "What is kept? [id:kept]",
    "rejected": "What is refused? [id:rejected]",
    "large": "What is long? [id:large]",
    "parked": "What comes later? [id:parked]",
    "long": "What was all this? [id:long] " + "to be continued, " * 20_000,
    "unconfirmed": "Who confirms this? [id:unconfirmed]",
    "leader": "Who leads? [id:leader]",
    "follower": "Who leads? [id:leader]",
    "held": "Who is held back? [id:held]",
    "waiting": "Who waits? [id:waiting]",
}


class Clock:
    """The release's Clock port, begun at BEGAN."""

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=time.monotonic() - _STARTED)

    def monotonic(self) -> float:
        return time.monotonic()


_STARTED = time.monotonic()


def _of_old(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


class Maker:
    """One instance of the old release, and its broker."""

    def __init__(self, env: dict[str, str]) -> None:
        self._settings = _of_old("penstock.settings", "read_settings")(env)
        self._clock = Clock()
        self.bus = _of_old("penstock.buses.local", "LocalBus")(self._settings.folder, self._clock)
        self.services = self.new_instance()

    def new_instance(self) -> Any:
        return _of_old("penstock.bootstrap", "build")(self._settings, clock=self._clock)

    async def create_topics(self) -> None:
        topology = _of_old("penstock_ops.system", "local_topology")(self._settings)
        await _of_old("penstock_ops.topology", "create_local")(topology, self.bus, {})

    async def ask(self, *names: str) -> None:
        for name in names:
            body = {"request_id": name, "prompt": ASKS[name], "max_wait_s": 7 * 24 * 3600}
            await self.publish(json.dumps(body).encode())

    async def publish(self, data: bytes) -> None:
        await self.bus.publish("llm-requests", data, {}, timeout_s=10)

    async def handle(self) -> None:
        await self._deliver("llm-requests-handler", _of_old("penstock.handle", "handle"))

    async def respond(self) -> None:
        await self._deliver("llm-responses-processor", _of_old("penstock.respond", "respond"))

    async def _deliver(self, subscription: str, story: Any) -> None:
        for delivery in await self.bus.pull(subscription, 100):
            verdict = await story(self.services, delivery.envelope)
            await (self.bus.ack if verdict.name == "ACK" else self.bus.nack)([delivery])

    async def pause(self) -> None:
        put, pause = _of_old("penstock.ports", "Put"), _of_old("penstock.pausing", "Pause")
        document = pause(self._clock.now(), "The provider's maintenance.").encode()
        await self.services.store.commit([put("control/pause", document)], timeout_s=10)
        self.services = self.new_instance()  # which has not looked yet


async def make(folder: Path) -> None:
    parse = _of_old("tests.servers.openai_behaviour", "Behaviour").parse
    async with _of_old("tests.servers.openai_server", "OpenAIServer")(port=PORT, key="sk-test") as server:
        server.by_id = {
            "rejected": parse("policy"),
            "large": parse("answer size=300000"),
            "parked": parse("status code=429 retry_after=600"),
            "long": parse("status code=429 retry_after=600"),
            "leader": parse("hang"),
        }
        maker = Maker(
            {
                "PENSTOCK_LOCAL": str(folder),
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_BASE_URL": server.base_url,
                "PENSTOCK_DEFAULT_MODEL": "echo-1",
            }
        )
        await maker.create_topics()
        for names in (("answered",), ("hit", "rejected", "large", "parked", "long")):
            await maker.ask(*names)
            await maker.handle()
            await maker.respond()
        await maker.publish(b"no request")
        await maker.ask("unconfirmed")
        await maker.handle()
        await maker.ask("leader")
        leading = asyncio.create_task(maker.handle())
        await server.ledger.wait_for(calls=7)
        await maker.ask("follower")
        await maker.handle()
        await maker.pause()
        await maker.ask("held")
        await maker.handle()
        await maker.ask("waiting")
        assert not leading.done()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
