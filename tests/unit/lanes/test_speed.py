"""What is known of a target: counts that fade, beside a belief that a few requests outweigh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lanes.histogram import NEVER_S, Histogram, bucket_of, end_of
from penstock.lanes.priors import WEIGHT, Prior
from penstock.lanes.speed import USUAL_OUTPUT, Seen, Speed
from penstock.paths import speed_path
from tests.unit.requests.records import NOW, after

DAY = 86400.0
PRIOR = Prior(3.0, 30.0)


@given(st.floats(min_value=0, max_value=NEVER_S))
def test_a_length_lies_in_its_bucket(seconds: float) -> None:
    bucket = bucket_of(seconds)
    assert seconds <= end_of(bucket) * (1 + 1e-6)
    assert bucket == 0 or seconds > end_of(bucket - 1) * (1 - 1e-6)


def test_a_count_halves_with_every_half_life() -> None:
    one = Histogram(NOW).with_one(10)
    assert one.faded(after(DAY), DAY).weight == pytest.approx(0.5)
    assert one.faded(after(3 * DAY), DAY).weight == pytest.approx(0.125)
    # A clock that is behind takes nothing back, and what is next to nothing is dropped
    assert one.faded(after(-DAY), DAY) == one
    assert one.faded(after(40 * DAY), DAY).counts == {}


def test_within_grows_to_the_whole_and_never_is_in_no_time() -> None:
    seen = Histogram(NOW).with_one(2).with_one(20).with_one(NEVER_S)
    sums = [seen.within(seconds) for seconds in (0, 1, 2, 19, 32, 40 * DAY)]
    assert sums == sorted(sums)
    assert (sums[0], sums[-1]) == (0, 2)


def test_the_belief_is_a_lognormal_through_its_quantiles() -> None:
    assert PRIOR.within(3) == pytest.approx(0.5)
    assert PRIOR.within(30) == pytest.approx(0.95)
    assert PRIOR.within(0) == PRIOR.within(-1) == 0


def test_what_is_seen_outweighs_what_was_believed() -> None:
    unknown = Speed(Histogram(NOW))
    assert unknown.p_within(3, PRIOR) == pytest.approx(0.5)
    fast = unknown.with_seen([Seen(0.5, 100)] * 100, NOW, DAY)
    assert fast.p_within(3, PRIOR) == pytest.approx((100 + WEIGHT * 0.5) / (100 + WEIGHT))
    assert fast.output == pytest.approx((100 * 100 + WEIGHT * USUAL_OUTPUT) / (100 + WEIGHT))
    # Weeks later the belief stands again
    later = fast.with_seen([], after(40 * DAY), DAY)
    assert later.p_within(3, PRIOR) == pytest.approx(0.5)
    assert later.output == pytest.approx(USUAL_OUTPUT, rel=1e-3)


def test_a_document_gives_back_what_was_written() -> None:
    speed = Speed(Histogram(NOW)).with_seen([Seen(4, 10), Seen(NEVER_S, None)], NOW, DAY)
    assert Speed.decode(speed.encode("some/model:1")) == speed
    assert speed_path("some/model:1").count("/") == 1
