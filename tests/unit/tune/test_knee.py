"""The fitted curve and the knee on it."""

from __future__ import annotations

import pytest

from penstock_ops.tune.knee import find_knee
from penstock_ops.tune.stage import percentile


def test_given_a_linear_rise_and_a_plateau_i_expect_the_crossing() -> None:
    points = [(c, min(c / 4, 6.0)) for c in (1, 2, 4, 8, 16, 32, 64)]
    knee = find_knee(points)
    assert knee is not None
    assert knee.concurrency == pytest.approx(0.97 * 24)
    assert knee.whole == 24
    assert knee.best_requests_per_s == pytest.approx(6.0)
    assert knee.reached


def test_given_throughput_that_still_rises_i_expect_the_knee_not_reached() -> None:
    knee = find_knee([(c, c / 4) for c in (1, 2, 4, 8)])
    assert knee is not None
    assert not knee.reached


def test_given_smooth_saturation_without_a_limit_i_expect_97_percent_of_the_highest_measured() -> None:
    points = [(c, c / (1 + 0.1 * c)) for c in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)]
    knee = find_knee(points)
    assert knee is not None
    assert knee.throughput(knee.concurrency) == pytest.approx(0.97 * points[-1][1])
    assert knee.reached


def test_given_thrashing_past_the_best_i_expect_the_plateau_before_it() -> None:
    points = [(1, 1.0), (2, 2.0), (4, 4.0), (8, 6.0), (16, 6.0), (32, 3.0), (64, 1.5)]
    knee = find_knee(points)
    assert knee is not None
    assert 5 < knee.concurrency < 8


@pytest.mark.parametrize("points", [[], [(1, 1.0)], [(1, 1.0), (2, 2.0)], [(1, 0.0), (2, 0.0), (4, 0.0)]])
def test_given_too_little_i_expect_no_knee(points: list[tuple[float, float]]) -> None:
    assert find_knee(points) is None


def test_percentiles_are_values_that_were_seen() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.75, 0.99, 1.0)] == [1.0, 2.0, 3.0, 4.0, 4.0]
    assert percentile([], 0.5) == 0.0
