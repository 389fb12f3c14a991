"""A witness: our batcher beside a Batch API that we did not write (aibrix), before an engine with a book."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.bootstrap import build
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local
from tests.integration.piled import TOPIC, Ahead, Piled
from tests.servers.aibrix import MISSING, Aibrix, aibrix_command
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(500),
    pytest.mark.skipif(aibrix_command() is None, reason=MISSING),
]
_IDS = [f"r{number}" for number in range(200)]
#: The shortest window that a target may have: what is not worked off by then expires.
_WINDOW_S = 60
#: Of an answer: with all that the witness asks at once (16), at most 160 are answered within the window.
_SLOW_S = 6.0


@pytest.fixture
async def engine() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as running:
        yield running


@pytest.fixture
async def witness(engine: OpenAIServer, tmp_path: Path) -> AsyncIterator[Aibrix]:
    async with Aibrix(engine.url, tmp_path / "aibrix") as running:
        yield running


@pytest.fixture
async def piled(engine: OpenAIServer, witness: Aibrix, tmp_path: Path) -> AsyncIterator[Piled]:
    usual = {"provider": "openai", "model": "gpt-5.4-nano", "max_output": 100}
    lazy = {"name": "lazy", "lane": "batch", "base_url": witness.base_url, "window_s": _WINDOW_S}
    targets = [usual | lazy, usual | {"name": "prompt", "base_url": engine.base_url}]
    routes = {"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}}
    env = {
        "PENSTOCK_LOCAL": str(tmp_path / "penstock"), "PENSTOCK_ROUTES": json.dumps(routes),
        "PENSTOCK_BATCHES_TOPIC": TOPIC, "OPENAI_API_KEY": "sk-test",
    }  # fmt: skip
    clock = Ahead()
    s = build(read_settings(env), clock=clock)
    assert isinstance(s.bus, LocalBus)
    await create_local(Topology(batches_topic=TOPIC), s.bus, {})
    made = Piled([s], clock, witness.ended)
    yield made
    await made.close()


async def test_two_hundred_requests_are_all_delivered_by_it(
    piled: Piled, witness: Aibrix, engine: OpenAIServer
) -> None:
    # Given two hundred requests that can wait
    await piled.ask({name: f"[id:{name}] Why?" for name in _IDS})

    # If what waits is sealed, sent and collected
    await piled.work_off()

    # I expect one batch at the witness, each request asked once, and each answered by its line
    assert await witness.statuses() == Counter(completed=1)
    assert engine.ledger.counts() == dict.fromkeys(_IDS, 1)
    results = [one["result"] for one in await piled.requests(_IDS)]
    assert Counter((one["status"], one["lane"]) for one in results) == {("completed", "batch"): 200}
    assert all(one["cost"]["saved_by_lane_usd"] == one["cost"]["usd"] > 0 for one in results)
    assert await piled.stages() == {"over"}


async def test_what_expires_halfway_is_delivered_too_and_only_that_is_asked_again(
    piled: Piled, witness: Aibrix, engine: OpenAIServer
) -> None:
    # Given an engine that is too slow for all of them within the window
    engine.latency_s = _SLOW_S
    await piled.ask({name: f"[id:{name}] Why?" for name in _IDS})

    # If the batch expires with what was answered, and is collected
    await piled.work_off()
    answered = {name for name, one in zip(_IDS, await piled.requests(_IDS), strict=True) if "result" in one}
    told = await witness.batches()
    assert [one["status"] for one in told] == ["expired"]
    assert 0 < len(answered) < 200

    # I expect the others by another batch, and nobody asked again who had an answer
    engine.latency_s = 0
    await piled.work_off()
    results = [one["result"] for one in await piled.requests(_IDS)]
    assert Counter((one["status"], one["lane"]) for one in results) == {("completed", "batch"): 200}
    assert {engine.ledger.counts()[name] for name in answered} == {1}
    assert await piled.stages() == {"over"}
