"""The rule that picks a target, by itself."""

from __future__ import annotations

import pytest

from penstock.lanes.rule import Option, choose, expected_usd


def option(target: str, usd: float | None, p_in_time: float, lane: str = "sync") -> Option:
    return Option(target, lane, usd, p_in_time)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        # The cheapest of those that are likely enough
        ([option("a", 2, 0.99), option("b", 1, 0.95), option("c", 0.5, 0.94)], "b"),
        # Of equals the earlier
        ([option("a", 1, 0.96), option("b", 1, 0.99)], "a"),
        # Nobody is: the likeliest, whatever it costs, and of equals the earlier
        ([option("a", 1, 0.2), option("b", 9, 0.8), option("c", 2, 0.8)], "b"),
        # What cannot be priced is not chosen beside what can, however sure it is
        ([option("a", None, 1.0), option("b", 5, 0.96)], "b"),
        ([option("a", None, 1.0), option("b", 5, 0.1)], "b"),
        # Nothing can be priced: the first that is in time
        ([option("a", None, 0.5), option("b", None, 0.96), option("c", None, 0.99)], "b"),
        # What costs nothing is a price
        ([option("a", 1, 0.99), option("own", 0, 0.99)], "own"),
        # A lane that waits may have to be asked again at once: 0.5 + 0.05 x 12 is more than 1
        ([option("a", 12, 0.99), option("b", 1, 0.99), option("w", 0.5, 0.95, "batch")], "w"),
        ([option("a", 1.0, 0.99), option("w", 0.97, 0.95, "batch")], "a"),
    ],
)
def test_which_is_chosen(options: list[Option], chosen: str) -> None:
    assert choose(options, 0.95).target == chosen


def test_what_a_lane_that_waits_is_expected_to_cost() -> None:
    waits, at_once = option("w", 0.5, 0.9, "batch"), option("a", 2, 0.99)
    assert expected_usd(waits, [at_once, waits]) == pytest.approx(0.5 + 0.1 * 2)
    assert expected_usd(at_once, [at_once, waits]) == 2
    # With nothing behind it there is nothing more to pay
    assert expected_usd(waits, [waits]) == 0.5
    assert expected_usd(option("u", None, 1), []) is None
