"""The results file: written after every stage, resumed, refused when it is another's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.results import Results, read_results, resume
from penstock_ops.tune.sweep import Sweep, SweepOptions
from penstock_ops.tune.trace import read_trace
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer
from tests.unit.tune.virtual_time import run_in_virtual_time

OPTIONS = SweepOptions(open_loop=False, requests=16, stage_limit_s=1e6)


def fresh(seed: int = 1) -> Results:
    return Results({"url": "u", "seed": seed}, {"input_tokens": 10.0, "output_tokens": 5.0})


async def interrupted_after(stages: int, path: Path) -> int:
    """Run a sweep into `path`, leave after so many stages, and tell how many requests it took."""
    async with EngineServer(EngineOptions(parameters=EngineParameters(slots=8))) as server:
        async with Endpoint(server.url) as endpoint:
            await endpoint.identify()
            results = resume(path, fresh())
            sweep = Sweep(endpoint, read_trace(None).scaled(0.1), results, OPTIONS)
            seen = 0
            async for _ in sweep.run():
                seen += 1
                if seen == stages:
                    break
        return server.totals.requests


def test_given_an_interrupted_sweep_i_expect_its_stages_kept_and_only_the_rest_measured(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.json"
    run_in_virtual_time(interrupted_after(3, path))
    assert [s.load for s in read_results(path).stages] == [1, 2, 4]
    first = read_results(path).stages
    run_in_virtual_time(interrupted_after(1000, path))
    whole = read_results(path)
    assert whole.stages[:3] == first
    assert len(whole.stages) > 3
    assert whole.knee is not None
    again = run_in_virtual_time(interrupted_after(1000, path))
    assert again == 1  # the question that identifies the engine, nothing else


def test_given_another_measurement_in_the_file_i_expect_it_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    results = resume(path, fresh())
    results.save()
    before = path.read_text()
    with pytest.raises(TuneFault, match="differs in seed"):
        resume(path, fresh(seed=2))
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "not JSON"), ("[]", "no measurement"), ("{}", "no measurement"), ('{"schema": 9}', "schema 9")],
)
def test_given_a_file_that_is_no_measurement_i_expect_a_clear_fault(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(TuneFault, match=words):
        read_results(path)


def test_what_was_written_says_knee_rate_and_what_is_not_in_force(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    run_in_virtual_time(interrupted_after(1000, path))
    found = json.loads(path.read_text())
    assert found["schema"] == 1
    assert found["knee"]["reached"] is True
    assert found["sustained_rate"] is None
    assert found["not_in_force"] == []
