"""What traffic costs in each lane: which requests go out together, when deliveries come, and the sums."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.money.pricing import PriceBook
from penstock_ops.bench.lanes_bills import bills_of
from penstock_ops.bench.lanes_ran import Ran
from penstock_ops.bench.lanes_streams import looks, piles, polls
from penstock_ops.bench.lanes_usd import LanesBill, Measured
from penstock_ops.bench.meter import Meter, Use
from penstock_ops.bench.trips import Trip
from penstock_ops.tune.trace import Trace, TraceRow

_USE = Use(Trip(2, 6, 0, 2), 0.005, 0.003, 0.05, 0.02, 300, 900, 4000, 800, 3)
_METER = Meter(_USE, _USE, Trip(), 0.1, 100, 0.002, 0.01)


def ran(lane: str, requests: int, reads: int, writes: int, batcher_s: float = 0.0) -> Ran:
    return Ran(lane, requests, Trip(reads, writes), {"batcher": batcher_s}, 0.0, 1.0)


#: A batch's member reads 3 and writes 7, a batch besides 20 and 10; a millisecond each, and 50 besides.
_MEASURED = Measured(
    _METER,
    {"sync": ran("sync", 100, 200, 600), "background": ran("background", 100, 800, 1200),
     "batch": ran("batch", 100, 320, 710, 0.15)},
    ran("batch", 1, 23, 17, 0.051),
)  # fmt: skip


def every(seconds: float, count: int) -> list[TraceRow]:
    return [TraceRow(number * seconds, 1000, 200) for number in range(count)]


def bill(rows: Sequence[TraceRow]) -> LanesBill:
    return LanesBill(_MEASURED, PriceBook.load(), rows)


def test_what_waits_at_the_end_of_a_stretch_goes_out_together() -> None:
    assert [len(pile) for pile in piles(every(1.0, 400), 1)] == [150, 150, 100]
    assert [len(pile) for pile in piles(every(60.0, 5), 1)] == [3, 2]


def test_fewer_than_wake_a_machine_go_on_waiting_and_no_longer_than_their_hour() -> None:
    assert [len(pile) for pile in piles(every(1.0, 400), 200)] == [300]
    assert list(piles(every(60.0, 50), 200)) == []
    assert [len(pile) for pile in piles(every(60.0, 130), 50)] == [50, 50]


def test_a_kept_call_is_asked_after_less_and_less_often() -> None:
    assert list(looks(30)) == [60]
    assert list(looks(250)) == pytest.approx([60, 120, 192, 307.2])
    assert list(polls(200)) == pytest.approx([60, 120, 216])


def test_a_batch_of_everything_costs_half_the_answers_and_a_member_what_was_counted_of_one() -> None:
    rows = every(0.1, 1000)
    sync, batch = bill(rows).cost("sync"), bill(rows).cost("batch")
    assert batch.answers == pytest.approx(sync.answers / 2)
    # 1,000 members of one batch: 3 × 1,000 + 20 reads and 7 × 1,000 + 10 writes, for a million a thousandfold
    more = 1000 * ((3020 - 2000) * 3e-7 + (7010 - 6000) * 9e-7)
    assert batch.services - sync.services == pytest.approx(more)
    assert batch.compute < sync.compute


def test_a_trickle_pays_an_instance_for_every_answer_and_only_moments_for_what_is_kept() -> None:
    sync, kept = (bill(every(600.0, 50)).cost(lane) for lane in ("sync", "background"))
    assert kept.answers == sync.answers
    assert kept.compute < sync.compute / 2


def test_too_few_for_a_machine_are_asked_at_once_at_list_price() -> None:
    few, many = bill(every(60.0, 60)).cost("job"), bill(every(0.1, 30_000)).cost("job")
    assert (few.at_once, few.answers) == (1.0, bill(every(60.0, 60)).cost("sync").answers)
    assert many.at_once == 0
    # twenty piles of 1,500: two minutes and 750 seconds each, of an L4 at 0.0002907 dollars
    assert many.answers == pytest.approx(20 * 870 * 0.0002907 / 0.03)


def test_the_table_has_every_lane_at_every_rate_that_leaves_some() -> None:
    told = bills_of(_MEASURED, PriceBook.load(), Trace("made up", tuple(every(1.0, 250))))
    assert [row[:2] for row in told.rows] == [
        (rate, lane) for rate in ("full", "1/10", "1/100") for lane in ("sync", "background", "batch", "job")
    ]


def test_what_the_same_time_takes_without_requests_is_taken_off() -> None:
    # Given ten idle seconds of 20 reads and a tenth of a second of the sweeper
    idle = Ran("idle", 0, Trip(20, 0), {"sweeper": 0.1, "batcher": 0.0}, 0.0, 10.0)
    one = Ran("batch", 1, Trip(50, 9, 1, 2), {"sweeper": 0.25, "batcher": 0.5}, 0.1, 20.0)
    assert one.beside(idle).trip == Trip(10, 9, 1, 2)
    assert one.beside(idle).cpu == pytest.approx({"sweeper": 0.05, "batcher": 0.5})
