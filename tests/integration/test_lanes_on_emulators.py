"""A lane that waits on Google's emulators and a server with a Batch API: its queries, and compare-and-sets
between two batchers, which no store of ours stands in for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.batches.rooms import BATCH, PILE
from penstock.batches.story import batch
from penstock.bootstrap import build
from penstock.clock import SystemClock
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.paths import request_path
from penstock.requests.handle import handle
from penstock.services import Services
from penstock.settings import read_settings
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology, create_on_pubsub
from tests.servers.openai_server import OpenAIServer

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(120)]

_IDS = ("a", "b", "c")
_TOPIC = "llm-batches"


class Ahead(SystemClock):
    """The machine's clock, put forward: what is ripe in three minutes is ripe now."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


@dataclass
class Lanes:
    """Two batchers of one deployment, or one; `model` is their provider."""

    one: Services
    two: Services | None
    clock: Ahead
    model: OpenAIServer

    async def ask(self) -> None:
        """Three requests that can wait a day."""
        for name in _IDS:
            body = {"prompt": f"Why, {name}?", "request_id": name, "max_wait_s": 86_400}
            await handle(self.one, _message(json.dumps(body).encode(), f"m-{name}", {}))

    async def work_off(self) -> None:
        """Each batcher seals what waits, at the same time; then what is out is collected."""
        self.clock.by += timedelta(seconds=200)
        for pile in await self._documents("piles"):
            if "open_since" in pile:
                wake = _wake(Wake("default", str(pile["pile"]), 0), PILE)
                await asyncio.gather(*(batch(s, wake) for s in (self.one, self.two) if s is not None))
        for job in self.model.batches.batches.values():
            await job.ended.wait()
        for out in await self._documents("batches"):
            if out["state"] != "closed":
                await batch(self.one, _wake(Wake("default", str(out["name"]), int(out["fence"])), BATCH))

    async def requests(self) -> list[dict[str, Any]]:
        found = await self.one.store.read([request_path("default", name) for name in _IDS], timeout_s=10)
        return [dict(one.fields or {}) for one in found]

    async def stages(self) -> set[str]:
        return {str(one["stage"]) for one in await self._documents("batches")}

    async def _documents(self, group: str) -> list[Mapping[str, Any]]:
        found = await self.one.store.scan(f"tenants/default/{group}", after="", limit=100, timeout_s=10)
        return [one.fields or {} for one in found]


@pytest.fixture
async def lanes(emulators: Emulators, project: str, tmp_path: Path) -> AsyncIterator[Lanes]:
    hosts = emulators.environment
    await create_on_pubsub(Topology(batches_topic=_TOPIC), project, hosts["PUBSUB_EMULATOR_HOST"], {})
    async with OpenAIServer() as model:
        model.batches.takes_s = 0.0
        env = {
            **hosts, "GOOGLE_CLOUD_PROJECT": project, "PENSTOCK_BUCKET": str(tmp_path / "blobs"),
            "PENSTOCK_ROUTES": _routes(model.base_url), "PENSTOCK_BATCHES_TOPIC": _TOPIC,
            "OPENAI_API_KEY": "sk-test",
        }  # fmt: skip
        clock = Ahead()
        one, two = (build(read_settings(env), clock=clock) for _ in range(2))
        yield Lanes(one, two, clock, model)
        await one.close()
        await two.close()


def _routes(url: str) -> str:
    usual = {"provider": "openai", "model": "gpt-5.4-nano", "base_url": url, "max_output": 100}
    targets = [usual | {"name": "lazy", "lane": "batch"}, usual | {"name": "prompt"}]
    return json.dumps({"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}})


def _message(data: bytes, name: str, attributes: Mapping[str, str]) -> Envelope:
    return Envelope(data, dict(attributes), name, datetime.now(UTC), "a subscription")


def _wake(wake: Wake, room: str) -> Envelope:
    return _message(b"", "w", wake.encode(room))


async def test_two_batchers_send_each_request_once_and_each_is_answered(lanes: Lanes) -> None:
    # Given three requests that can wait
    await lanes.ask()
    assert [one["state"] for one in await lanes.requests()] == ["queued"] * 3

    # If two batchers seal their pile at once, and what is out is collected
    await lanes.work_off()

    # I expect each question paid once, in whichever batch, and each answer at half the price
    assert sorted(lanes.model.batches.billed.values()) == [1, 1, 1]
    results = [one["result"] for one in await lanes.requests()]
    assert [(result["status"], result["lane"]) for result in results] == [("completed", "batch")] * 3
    assert all(result["cost"]["saved_by_lane_usd"] == result["cost"]["usd"] > 0 for result in results)
    # and nothing left open, nor at the provider
    assert await lanes.stages() == {"over"}
    assert lanes.model.batches.files == {}


async def test_whose_line_is_cut_off_or_whose_file_is_empty_goes_out_again_counted(lanes: Lanes) -> None:
    # Given a provider whose first file lacks the end of its last line, and whose second has no line at all
    lanes.model.batches.faults = ["truncated", "empty"]
    await lanes.ask()
    lanes.two = None  # one batcher: one batch

    # If three batches are worked off, I expect all but one answered by the first, and that one by the third
    answered = []
    for _ in range(3):
        await lanes.work_off()
        answered.append(sum("result" in one for one in await lanes.requests()))
    assert answered == [2, 2, 3]
    # what may have been paid twice is counted, and was
    assert sorted(lanes.model.batches.billed.values()) == [1, 1, 3]
    assert sorted(one["perhaps_paid"] for one in await lanes.requests()) == [0, 0, 2]
    assert all(one["result"]["status"] == "completed" for one in await lanes.requests())
