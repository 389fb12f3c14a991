"""The arithmetic of the benches: billed seconds, packing, percentiles, round trips in a row."""

from __future__ import annotations

import pytest

from penstock.rules.pricing import PriceBook
from penstock_ops.bench.bill import Shape, Tariff
from penstock_ops.bench.billed import billed_s
from penstock_ops.bench.feeder import Delivery
from penstock_ops.bench.fleet import Bill, billed
from penstock_ops.bench.report import number, percentile
from penstock_ops.bench.trips import steps
from penstock_ops.bench.wire import Call


def delivery(started: float, ended: float) -> Delivery:
    return Delivery("http://127.0.0.1/", started, ended, 204)


def test_requests_that_overlap_are_billed_once() -> None:
    # Given two that overlap and one long after, I expect two stretches, each rounded up to 100 ms
    assert billed_s([delivery(0, 1.0), delivery(0.5, 1.55), delivery(10, 10.01)]) == pytest.approx(1.6 + 0.1)


def test_a_stretch_of_whole_steps_is_not_rounded_up() -> None:
    assert billed_s([delivery(0.1, 0.3)]) == pytest.approx(0.2)


def test_nothing_costs_nothing() -> None:
    assert billed_s([]) == 0


def test_one_at_once_needs_an_instance_for_each() -> None:
    # Given three requests of a second at the same time
    together = [(0.0, 1.0)] * 3
    assert billed(together, 1) == Bill(3.0, 3)
    assert billed(together, 2) == Bill(2.0, 2)
    assert billed(together, 80) == Bill(1.0, 1)


def test_an_instance_that_is_free_again_takes_the_next() -> None:
    assert billed([(0.0, 1.0), (5.0, 1.0)], 1) == Bill(2.0, 1)


def test_the_simulated_bill_is_the_measured_one() -> None:
    # Given the same stretches as deliveries and as arrivals
    stretches = [(0.0, 1.0), (0.5, 1.05), (10.0, 0.01), (10.05, 0.3)]
    deliveries = [delivery(start, start + seconds) for start, seconds in stretches]
    # I expect the same seconds
    assert billed(stretches, 80).seconds == pytest.approx(billed_s(deliveries))


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)


def test_calls_that_overlap_are_one_round_trip() -> None:
    calls = [Call("A", 0, 2), Call("B", 1, 3), Call("C", 3, 4)]
    assert (steps(calls), steps([])) == (2, 0)


def test_an_instance_costs_what_the_price_book_says() -> None:
    # Given the shipped price book, one vCPU and half a GiB for a thousand seconds, no requests
    tariff, shape = Tariff(PriceBook.load()), Shape(1, 0.5, 80)
    assert tariff.on_request(shape, 1000, 0) == pytest.approx(1000 * (0.000024 + 0.5 * 0.0000025))
    assert tariff.on_request(shape, 0, 1_000_000) == pytest.approx(0.40)


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (0.1234, "0.123"), (1234.5, "1,234"), (7.891, "7.89")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
