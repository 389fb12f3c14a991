"""The folder that an earlier release left when its process was killed: read, and continued to the end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.bootstrap import build
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.requests.handle import handle
from penstock.requests.respond import respond
from penstock.services import Services
from penstock.settings import read_settings
from penstock.sweep import sweep
from penstock.verdict import Verdict
from penstock_ops.upkeep.pause import resume
from tests.data.earlier.make import ASKS, BEGAN, PORT
from tests.data.earlier.unpack import unpack
from tests.servers.openai_server import OpenAIServer

#: What this release has to ask the provider for: each once, and nothing that was answered before.
STILL_OPEN = ["held", "leader", "long", "parked", "waiting"]


class Later:
    """A Clock that begins a quarter of an hour after the folder did, and can be put forward."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ahead_s = 900.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.monotonic() - self._began)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s

    def pass_s(self, seconds: float) -> None:
        self._ahead_s += seconds


class Folder:
    """This release on the old folder: one instance, its broker and its minute."""

    def __init__(self, s: Services, bus: LocalBus, clock: Later) -> None:
        self.s = s
        self.bus = bus
        self._clock = clock

    async def go_on(self, minutes: int) -> None:
        """What these minutes bring."""
        for _ in range(minutes):
            await self._deliver("llm-requests-handler", handle)
            await self._deliver("llm-responses-processor", respond)
            await sweep(self.s)
            self._clock.pass_s(60)

    async def _deliver(
        self, subscription: str, story: Callable[[Services, Envelope], Awaitable[Verdict]]
    ) -> None:
        for delivery in await self.bus.pull(subscription, 100):
            verdict = await story(self.s, delivery.envelope)
            await (self.bus.ack if verdict is Verdict.ACK else self.bus.nack)([delivery])

    async def letters(self) -> list[Envelope]:
        return await self.bus.peek("llm-dead-letters-inspection")

    async def requests(self) -> dict[str, Mapping[str, Any]]:
        found = await self.s.store.scan("tenants/default/requests", after="", limit=100, timeout_s=10)
        return {snapshot.path.rpartition("/")[2]: snapshot.fields or {} for snapshot in found}


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(port=PORT, key="sk-test") as server:
        yield server


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    env = {
        "PENSTOCK_LOCAL": str(unpack(tmp_path)),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}/v1",
        "PENSTOCK_DEFAULT_MODEL": "echo-1",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)  # for the operator's command
    monkeypatch.setenv("PENSTOCK_TIME_SCALE", "25")
    clock, settings = Later(), read_settings(env)
    services = build(settings, clock=clock)
    bus = LocalBus(settings.folder, clock)
    yield Folder(services, bus, clock)
    await services.close()
    await bus.close()


async def test_everything_is_read_as_it_was_left(folder: Folder) -> None:
    requests = await folder.requests()
    assert {name: (fields["state"], "confirmed_at" in fields) for name, fields in requests.items()} == {
        **dict.fromkeys(("answered", "hit", "rejected", "large"), ("terminal", True)),
        "unconfirmed": ("terminal", False),
        **dict.fromkeys(("parked", "long", "held"), ("parked", False)),
        "leader": ("leased", False),
        "follower": ("following", False),
    }
    # `waiting`, and the delivery of `leader`, which was cut off
    assert await folder.bus.waiting("llm-requests-handler") == 2
    assert await folder.bus.waiting("llm-responses-processor") == 1
    assert [letter.attributes["reason"] for letter in await folder.letters()] == [
        "content_refused",
        "malformed",
    ]


async def test_what_was_under_way_comes_to_its_result(
    folder: Folder, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a quarter of an hour in which the pause of then still holds
    await folder.go_on(15)
    assert server.ledger.counts() == {}
    # If the operator resumes, and time passes
    assert await resume(as_json=True) == 0
    assert '"was_paused": true' in capsys.readouterr().out
    await folder.go_on(60)
    # I expect every request answered and confirmed, but for the one that was refused then
    requests = await folder.requests()
    assert requests.keys() == ASKS.keys()
    told = {name: fields["result"]["status"] for name, fields in requests.items()}
    assert told == dict.fromkeys(ASKS, "completed") | {"rejected": "failed"}
    assert all("confirmed_at" in fields for fields in requests.values())
    assert all("due_at" not in fields for fields in requests.values())
    # And every one that was open paid for once, the follower not at all
    assert server.ledger.counts() == dict.fromkeys(STILL_OPEN, 1)
    assert requests["follower"]["result"]["cache"] in ("coalesced", "hit")
    assert requests["leader"]["takeovers"] == 1
    assert await folder.bus.waiting("llm-requests-handler") == 0
    assert len(await folder.letters()) == 2


async def test_answers_of_then_are_given_again_and_long_ones_are_there(folder: Folder) -> None:
    # If somebody asks today what was asked then
    for name in ("answered", "large"):
        body = {"request_id": f"{name}-again", "prompt": ASKS[name]}
        await folder.bus.publish("llm-requests", json.dumps(body).encode(), {}, timeout_s=10)
    await folder.go_on(2)
    # I expect the answer of then, from the cache or, a long one, from the bucket, with no provider there
    requests = await folder.requests()
    again = requests["answered-again"]["result"]
    assert (again["cache"], again["completion"]) == ("hit", requests["answered"]["result"]["completion"])
    long = requests["large-again"]["result"]
    assert long["cache"] == "hit"
    completion = json.loads(await folder.s.blobs.get(BlobRef.decode(long["completion_ref"]), timeout_s=10))
    assert len(completion["text"]) == 300_000
