"""Cost and break-even, worked out by hand."""

from __future__ import annotations

import math

import pytest

from penstock.money.pricing import PriceBook
from penstock_ops.tune.cost import SleepingEngine, hosted_dollars, hosted_prices, instance_dollars_per_s
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import find_gpu
from penstock_ops.tune.sizing import Workload

ENGINE = SleepingEngine(
    dollars_per_s=0.001, capacity_per_s=10.0, latency_s=5.0, cold_start_s=60.0, idle_tail_s=595.0
)


def test_an_l4_instance_costs_its_gpu_its_cpus_and_its_memory() -> None:
    book = PriceBook.load()
    by_hand = sum(
        float(book.rate(name).usd) * units
        for name, units in (("run.gpu.nvidia-l4", 1), ("run.instance.cpu", 4), ("run.instance.memory", 16))
    )
    assert instance_dollars_per_s(book, find_gpu("l4"), 4, 16) == pytest.approx(by_hand)


def test_given_one_request_an_hour_i_expect_its_time_the_tail_and_a_cold_start() -> None:
    # λ = 1/3600, T = 600: up 3600·(1 - e^(-1/6)), alone e^(-1/6) of the time.
    up, alone = 3600 * (1 - math.exp(-1 / 6)), math.exp(-1 / 6)
    assert ENGINE.billed_s_per_hour(1) == pytest.approx(up + 60 * alone)


def test_given_constant_load_i_expect_instances_in_proportion() -> None:
    assert ENGINE.billed_s_per_hour(10 * 3600 * 3) == pytest.approx(3 * 3600)


def test_the_cost_of_a_request_falls_until_the_instance_is_full() -> None:
    costs = [ENGINE.dollars_per_request(rate) for rate in (0.1, 1, 10, 100, 1000, 36000)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0.001 / 10)


def test_at_the_break_even_both_cost_the_same() -> None:
    rate = ENGINE.break_even_per_hour(0.01)
    assert rate is not None
    assert ENGINE.dollars_per_request(rate) == pytest.approx(0.01)
    assert ENGINE.dollars_per_request(rate * 1.1) < 0.01 < ENGINE.dollars_per_request(rate * 0.9)


def test_given_a_hosted_price_below_a_full_instance_i_expect_never() -> None:
    assert ENGINE.break_even_per_hour(0.00009) is None


def test_a_hosted_request_costs_its_tokens() -> None:
    prices = hosted_prices(PriceBook.load(), "gpt-5.4-nano")
    by_hand = (1000 * float(prices.input) + 200 * float(prices.output)) / 1e6
    assert hosted_dollars(prices, Workload(1000, 200)) == pytest.approx(by_hand)


def test_given_a_model_that_the_book_does_not_know_i_expect_those_it_knows() -> None:
    with pytest.raises(TuneFault, match="gpt-5\\.4-nano"):
        hosted_prices(PriceBook.load(), "gpt-99")
