"""The three policies, on a synthetic engine behind a real socket in virtual time."""

from __future__ import annotations

import pytest

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.policies import Arrival, Continuous, Figures, OneAtATime, Policy, StaticBatch, replay
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer
from tests.unit.tune.virtual_time import run_in_virtual_time

#: A step of 0.1 s whatever is in the batch: batching is free.
FREE = EngineParameters(step_s=0.1, sequence_s=0.0, slots=8)


async def _replayed(policy: Policy, arrivals: list[Arrival], fail: int | None = None) -> Figures:
    async with EngineServer(EngineOptions(parameters=FREE)) as server, Endpoint(server.url) as endpoint:
        await endpoint.identify()
        if fail:
            server.fail_next.append(fail)
        return await replay(endpoint, policy, arrivals, FREE.slots)


def replayed(policy: Policy, arrivals: list[Arrival]) -> Figures:
    return run_in_virtual_time(_replayed(policy, arrivals))


def test_given_one_at_a_time_i_expect_the_sum_of_all_times() -> None:
    figures = replayed(OneAtATime(), [Arrival(0, "a", 10)] * 4)
    assert figures.requests_per_s == pytest.approx(1.0, rel=0.01)  # 1 s each
    assert figures.slots == pytest.approx(1 / 8, rel=0.01)
    assert figures.busy == pytest.approx(1.0, rel=0.01)


def test_given_continuous_batching_i_expect_all_to_run_at_once_and_leave_when_done() -> None:
    figures = replayed(Continuous(), [Arrival(0, "a", 10)] * 6 + [Arrival(0, "a", 40)])
    assert figures.p50_s == pytest.approx(1.0, rel=0.01)
    assert figures.requests_per_s == pytest.approx(7 / 4, rel=0.01)


def test_given_a_static_batch_i_expect_short_answers_held_until_the_longest_is_done() -> None:
    figures = replayed(StaticBatch(4, 1.0), [Arrival(0, "a", 10)] * 3 + [Arrival(0, "a", 40)])
    assert figures.p50_s == pytest.approx(4.0, rel=0.01)
    assert figures.slots == pytest.approx((3 * 1 + 4) / 4 / 8, rel=0.01)


def test_given_a_batch_that_does_not_fill_i_expect_it_sent_after_its_timeout() -> None:
    figures = replayed(StaticBatch(4, 2.0), [Arrival(0, "a", 10), Arrival(0.5, "a", 10)])
    assert figures.p99_s == pytest.approx(3.0, rel=0.01)  # 2 s of waiting, 1 s of computing
    assert figures.busy == pytest.approx(1 / 3, rel=0.02)


def test_given_more_than_a_batch_i_expect_several_one_after_the_other() -> None:
    figures = replayed(StaticBatch(2, 5.0), [Arrival(0, "a", 10)] * 6)
    assert figures.requests_per_s == pytest.approx(2.0, rel=0.01)  # three batches of 1 s


def test_given_an_engine_that_fails_in_the_middle_i_expect_one_fault() -> None:
    with pytest.raises(TuneFault, match="HTTP 500 in the middle"):
        run_in_virtual_time(_replayed(Continuous(), [Arrival(0, "a", 10)] * 2, fail=500))
