"""A lane that waits on Google's emulators and a server with a Batch API: its queries, and compare-and-sets
between two batchers, which no store of ours stands in for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.bootstrap import build
from penstock.settings import read_settings
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub
from tests.integration.piled import TOPIC, Ahead, Piled
from tests.servers.openai_server import OpenAIServer

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(120)]

_IDS = ("a", "b", "c")


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as running:
        running.batches.takes_s = 0.0
        yield running


@pytest.fixture
async def lanes(
    emulators: Emulators, project: str, tmp_path: Path, model: OpenAIServer
) -> AsyncIterator[Piled]:
    hosts = emulators.environment
    await create_on_pubsub(Topology(batches_topic=TOPIC), project, hosts["PUBSUB_EMULATOR_HOST"], {})
    env = {
        **hosts, "GOOGLE_CLOUD_PROJECT": project, "PENSTOCK_BUCKET": str(tmp_path / "blobs"),
        "PENSTOCK_ROUTES": _routes(model.base_url), "PENSTOCK_BATCHES_TOPIC": TOPIC,
        "OPENAI_API_KEY": "sk-test",
    }  # fmt: skip

    async def ended() -> None:
        for job in model.batches.batches.values():
            await job.ended.wait()

    clock = Ahead()
    two = [build(read_settings(env), clock=clock) for _ in range(2)]
    lanes = Piled(list(two), clock, ended)
    yield lanes
    for s in two:
        await s.close()


def _routes(url: str) -> str:
    usual = {"provider": "openai", "model": "gpt-5.4-nano", "base_url": url, "max_output": 100}
    targets = [usual | {"name": "lazy", "lane": "batch"}, usual | {"name": "prompt"}]
    return json.dumps({"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}})


async def test_two_batchers_send_each_request_once_and_each_is_answered(
    lanes: Piled, model: OpenAIServer
) -> None:
    # Given three requests that can wait
    await lanes.ask({name: f"Why, {name}?" for name in _IDS})
    assert [one["state"] for one in await lanes.requests(_IDS)] == ["queued"] * 3

    # If two batchers seal their pile at once, and what is out is collected
    await lanes.work_off()

    # I expect each question paid once, in whichever batch, and each answer at half the price
    assert sorted(model.batches.billed.values()) == [1, 1, 1]
    results = [one["result"] for one in await lanes.requests(_IDS)]
    assert [(result["status"], result["lane"]) for result in results] == [("completed", "batch")] * 3
    assert all(result["cost"]["saved_by_lane_usd"] == result["cost"]["usd"] > 0 for result in results)
    # and nothing left open, nor at the provider
    assert await lanes.stages() == {"over"}
    assert model.batches.files == {}


async def test_whose_line_is_cut_off_or_whose_file_is_empty_goes_out_again_counted(
    lanes: Piled, model: OpenAIServer
) -> None:
    # Given a provider whose first file lacks the end of its last line, and whose second has no line at all
    model.batches.faults = ["truncated", "empty"]
    await lanes.ask({name: f"Why, {name}?" for name in _IDS})
    lanes.batchers = lanes.batchers[:1]  # one batcher: one batch

    # If three batches are worked off, I expect all but one answered by the first, and that one by the third
    answered = []
    for _ in range(3):
        await lanes.work_off()
        answered.append(sum("result" in one for one in await lanes.requests(_IDS)))
    assert answered == [2, 2, 3]
    # what may have been paid twice is counted, and was
    assert sorted(model.batches.billed.values()) == [1, 1, 3]
    assert sorted(one["perhaps_paid"] for one in await lanes.requests(_IDS)) == [0, 0, 2]
    assert all(one["result"]["status"] == "completed" for one in await lanes.requests(_IDS))
