"""The tuner against seeded engines that it knows only by their HTTP answers."""

from __future__ import annotations

import random

import pytest

from penstock_ops.tune.cli_verify import WITHIN, sweep_points
from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.knee import KNEE_SHARE
from penstock_ops.tune.results import Results
from penstock_ops.tune.sweep import Sweep, SweepOptions
from penstock_ops.tune.trace import Trace, read_trace
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer
from tests.unit.tune.virtual_time import run_in_virtual_time

pytestmark = pytest.mark.slow

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)


def hidden_engine(seed: int) -> EngineParameters:
    """An engine drawn by the seed: limited by its slots, or (every third) by memory bandwidth."""
    draw = random.Random(seed)
    slots, step_s = draw.randint(6, 90), draw.uniform(0.01, 0.06)
    bound = seed % 3 == 0
    knee = draw.uniform(0.3, 0.8) * slots
    return EngineParameters(
        step_s=step_s,
        sequence_s=step_s / knee if bound else step_s * draw.uniform(0.0, 1.0) / slots,
        prompt_token_s=draw.choice([0.0, draw.uniform(1e-6, 2e-5)]),
        slots=slots,
        roofline=bound,
        jitter=draw.choice([0.0, 0.03]),
        seed=seed,
    )


def true_knee(parameters: EngineParameters, trace: Trace) -> float:
    """The smallest concurrency with 97 % of the engine's best, from the parameters themselves."""

    def throughput(concurrency: float) -> float:
        return parameters.throughput(concurrency, trace.mean_input, trace.mean_output)

    wanted = KNEE_SHARE * throughput(parameters.slots)
    low, high = 0.01, float(parameters.slots)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if throughput(middle) >= wanted else (middle, high)
    return high


async def measured(parameters: EngineParameters, kind: str, options: SweepOptions) -> tuple[Results, Trace]:
    async with (
        EngineServer(EngineOptions(kind="tgi" if kind == "tgi" else "vllm", parameters=parameters)) as server,
        Endpoint(server.url) as endpoint,
    ):
        info = await endpoint.identify()
        assert info.kind == kind
        trace = read_trace(None).within(info.max_total_tokens)
        results = Results({}, {"input_tokens": trace.mean_input, "output_tokens": trace.mean_output})
        async for _ in Sweep(endpoint, trace, results, options).run():
            pass
        return results, trace


@pytest.mark.parametrize(
    "seed", [*SEEDS[:2], *(pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS[2:])]
)
def test_given_a_hidden_engine_i_expect_its_knee_within_5_percent(seed: int) -> None:
    parameters = hidden_engine(seed)
    options = SweepOptions(open_loop=False, stage_limit_s=1e6)
    results, trace = run_in_virtual_time(measured(parameters, "vllm" if seed % 2 else "tgi", options))
    knee = results.knee
    assert knee is not None
    assert knee.reached
    assert knee.concurrency == pytest.approx(true_knee(parameters, trace), rel=0.05)
    best = parameters.throughput(parameters.slots, trace.mean_input, trace.mean_output)
    recommended = parameters.throughput(knee.whole, trace.mean_input, trace.mean_output)
    assert recommended >= 0.95 * best


def test_given_rising_rates_i_expect_the_one_below_capacity_kept_up_with_and_one_above_not() -> None:
    parameters = EngineParameters(step_s=0.02, sequence_s=0.0005, slots=24)
    results, trace = run_in_virtual_time(measured(parameters, "vllm", SweepOptions(stage_limit_s=1e6)))
    capacity = parameters.throughput(24, trace.mean_input, trace.mean_output)
    assert results.sustained_rate is not None
    assert 0.6 * capacity < results.sustained_rate < 1.1 * capacity
    assert not results.opened[-1].sustained
    assert results.opened[0].p99_s < results.opened[-1].p99_s


def test_given_an_engine_that_refuses_above_a_limit_i_expect_the_rise_to_stop_there() -> None:
    async def run() -> Results:
        options = EngineOptions(kind="tgi", parameters=EngineParameters(slots=64), max_concurrent_requests=20)
        async with EngineServer(options) as server, Endpoint(server.url) as endpoint:
            await endpoint.identify()
            trace = read_trace(None)
            results = Results({}, {})
            async for _ in Sweep(
                endpoint, trace, results, SweepOptions(open_loop=False, stage_limit_s=1e6)
            ).run():
                pass
            return results

    results = run_in_virtual_time(run())
    refused = [s.load for s in results.closed if s.rejected]
    assert min(refused) == 32
    assert results.knee is not None
    assert results.knee.concurrency <= 20


def test_given_rows_not_used_for_tuning_i_expect_the_recommendation_within_5_percent_of_the_best() -> None:
    async def run() -> tuple[Results, dict[int, float]]:
        parameters = EngineParameters(
            step_s=0.02, sequence_s=0.0008, prompt_token_s=1e-5, slots=20, jitter=0.03
        )
        sample = read_trace(None)
        async with EngineServer(EngineOptions(parameters=parameters)) as server:
            async with Endpoint(server.url) as endpoint:
                await endpoint.identify()
                results = Results({}, {})
                options = SweepOptions(open_loop=False, stage_limit_s=1e6)
                async for _ in Sweep(endpoint, sample.stretch("0-50"), results, options).run():
                    pass
            assert results.knee is not None
            points = (1, 4, 8, 12, 16, 24, 32, results.knee.whole)
            rest = sample.stretch("50-100")
            return results, await sweep_points(
                server.url, rest, points, rounds=2, requests=48, stage_seconds=1e6
            )

    results, found = run_in_virtual_time(run())
    assert results.knee is not None
    assert found[results.knee.whole] >= WITHIN * max(found.values())
