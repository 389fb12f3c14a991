"""The arithmetic of the benches: billed seconds, packing, paces, percentiles, ratios, round trips."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from penstock.money.pricing import PriceBook
from penstock_ops.bench.bill import Shape, Tariff
from penstock_ops.bench.cold import own_seconds
from penstock_ops.bench.compare import of_pairs, ratios
from penstock_ops.bench.feeder import Delivery
from penstock_ops.bench.fleet import Bill, billed
from penstock_ops.bench.instance import process_cpu_s
from penstock_ops.bench.lane import Lane, Pace, Schedule
from penstock_ops.bench.meter import Use
from penstock_ops.bench.report import number, percentile
from penstock_ops.bench.source import at_commit
from penstock_ops.bench.stretches import billed_s, highest_within, in_flight, inner
from penstock_ops.bench.trips import Trip, steps
from penstock_ops.bench.wire import Call
from penstock_ops.terminal.faults import Misuse


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


def test_the_ends_of_a_stream_are_left_out() -> None:
    # Given a delivery every half second for four seconds, a second off at either end
    stream = [delivery(start / 2, start / 2 + 1) for start in range(9)]
    assert [each.started for each in inner(stream, 1.0)] == [1.0, 1.5, 2.0, 2.5, 3.0]


def test_in_flight_is_the_mean_between_two_moments() -> None:
    # Given two side by side, one after them, and one that is long over
    deliveries = [delivery(0, 2), delivery(0, 2), delivery(2, 4), delivery(-9, -5)]
    assert in_flight(deliveries, 0, 4) == pytest.approx(1.5)
    # I expect that only what is within counts
    assert in_flight(deliveries, 1, 3) == pytest.approx((1 + 1 + 1) / 2)


@pytest.mark.parametrize(
    ("p99_s", "highest"),
    [
        ({80: 1.0, 110: 1.1, 150: 1.2}, 110),
        # One that is slow again ends it, whatever comes above
        ({150: 1.0, 80: 1.0, 110: 1.2}, 80),
        ({80: 1.2}, 0),
    ],
)
def test_the_highest_width_is_the_last_before_one_is_slow(p99_s: dict[int, float], highest: int) -> None:
    assert highest_within(p99_s, 1.1) == highest


@pytest.mark.parametrize(
    "lane",
    [
        Lane("requests", ("http://127.0.0.1:1/",), 80),
        Lane("requests", ("http://127.0.0.1:1/", "http://127.0.0.1:2/"), 10, Pace(1 / 3, 10)),
    ],
)
def test_a_lane_survives_the_command_line(lane: Lane) -> None:
    assert Lane.of_word(lane.word()) == lane


async def test_a_schedule_starts_with_the_last_message_and_is_even() -> None:
    # Given a pace that waits for three
    schedule = Schedule(Pace(per_s=1000.0, held=3))
    # If two have arrived, I expect that neither starts
    early = [asyncio.create_task(schedule.take()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in early)
    # If the third comes, I expect one slot for each, evenly, in the order of arrival
    third = await schedule.take()
    turns = [await task for task in early] + [third]
    first = turns[0][1]
    assert [number for number, _ in turns] == [0, 1, 2]
    assert [slot - first for _, slot in turns] == pytest.approx([0.0, 0.001, 0.002])


def test_a_comparison_is_round_by_round() -> None:
    # Given a machine that was twice as busy in the second round
    found = ratios([2.0, 4.0, 2.0], [1.0, 2.0, 3.0])
    # I expect each round's own ratio, and the middle one
    assert (found["median"], found["lowest"], found["highest"], found["less"]) == (0.5, 0.5, 1.5, 2.0)
    assert (found["low_quarter"], found["high_quarter"]) == (0.5, 1.0)
    # each pair of instances took its own rounds
    assert of_pairs([2.0, 4.0, 2.0], [1.0, 2.0, 3.0], 2) == [[0.5, 1.5], [0.5]]
    # one round alone is its own quarters
    assert ratios([2.0], [1.0])["high_quarter"] == 0.5


def test_a_commit_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="names no commit"):
        at_commit("no-such-commit", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_imported_is_counted_by_package() -> None:
    # Given what the interpreter tells between a function's own log lines
    told = """import time: self [us] | cumulative | imported package
import time:       200 |        200 |   google.cloud.firestore_v1.types
{"action": "instance.ready"}
import time:       300 |        500 |   google.cloud.firestore_v1
import time:      1000 |       1500 | penstock.requests.handle
"""
    assert own_seconds(told) == pytest.approx({"google.cloud.firestore_v1": 0.0005, "penstock": 0.001})


def test_the_clock_of_a_process_is_its_cpu_time() -> None:
    # Given this process's own CPU time before and after its clock is read from outside
    before, seen, after = time.process_time(), process_cpu_s(os.getpid()), time.process_time()
    assert before <= seen <= after


def test_a_miss_is_billed_for_the_documents_that_it_leaves() -> None:
    # Given a use of nothing but two documents that the TTL will delete
    tariff = Tariff(PriceBook.load())
    use = Use(
        trip=Trip(), handler_cpu_s=0, processor_cpu_s=0, handler_s=0, processor_s=0, request_bytes=0,
        result_bytes=0, stored_bytes=0, log_bytes=0, documents=2,
    )  # fmt: skip
    usd = 2 * tariff.rate("firestore.regional.deletes")
    assert tariff.services(use)["Firestore deletes (TTL)"] == pytest.approx(usd)
