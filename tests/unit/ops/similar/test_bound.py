"""The opening rule errs as rarely as it says: calculated exactly, beside a control that must fail."""

from __future__ import annotations

import math
from itertools import islice

import pytest

from penstock.similar.rule import GRID_BAR, bounds, corrected, most_missed, needed, wealth
from penstock_ops.similar.bound import main, powers, wrongly
from penstock_ops.similar.exact import opening
from penstock_ops.similar.peeking import peeking_bounds

#: The command looks 6,000 times.
_LOOKS = 700


@pytest.mark.parametrize("delta", [0.02, 0.05])
def test_the_rule_errs_as_rarely_as_it_says_and_the_controls_do_not(delta: float) -> None:
    """The controls: who peeks with a bound for one look, and who believes a judge that misses a fifth."""
    found = wrongly(delta, _LOOKS)
    assert max(found.one, found.corrected) <= 0.05 < min(found.peeking, found.blind)
    assert found.grid <= 0.05 / 8


def test_so_many_judgements_open_it_when_none_says_wrong() -> None:
    assert [needed(delta) for delta in (0.01, 0.02, 0.05)] == [609, 303, 119]
    assert wealth(609, 0, 0.01) >= GRID_BAR > wealth(608, 0, 0.01)


def test_one_more_wrong_answer_never_opens_it_sooner() -> None:
    for n in (50, 200, 900):
        told = [wealth(n, k, 0.02) for k in range(n // 4)]
        assert told == sorted(told, reverse=True)
    seen = list(islice(bounds(0.05), 600))
    assert seen == sorted(seen)


def test_the_wealth_never_grows_on_average_while_too_many_are_wrong() -> None:
    for wrong in (0.02, 0.03, 0.5):
        for n, k in ((0, 0), (10, 0), (300, 2)):
            ahead = wrong * wealth(n + 1, k + 1, 0.02) + (1 - wrong) * wealth(n + 1, k, 0.02)
            assert ahead <= wealth(n, k, 0.02) * (1 + 1e-12)


def test_the_exact_calculation_is_what_every_row_of_judgements_adds_up_to() -> None:
    """By hand: all 2 ** 12 rows of twelve judgements, each followed until it opens."""
    limits, share, ever = [-1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2], 0.3, 0.0
    for row in range(2**12):
        said = [(row >> i) & 1 for i in range(12)]
        if any(sum(said[:n]) <= limits[n] for n in range(13)):
            ever += math.prod(share if wrong else 1 - share for wrong in said)
    assert opening(limits, share, 12).ever == pytest.approx(ever, abs=1e-12)


def test_the_control_is_clopper_and_pearsons_bound() -> None:
    for n, most in enumerate(islice(peeking_bounds(0.05), 300)):
        below = [math.fsum(_binomial(n, i, 0.05) for i in range(k + 1)) for k in (most, most + 1)]
        assert below[0] <= 0.05 < below[1] or most == -1


def _binomial(n: int, k: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def test_a_judge_is_believed_no_more_than_its_trial_allows() -> None:
    assert most_missed(0, 299) == pytest.approx(0.00997, abs=1e-5)
    assert most_missed(5, 5) == 1.0
    assert corrected(0.05, 0.2) == pytest.approx(0.04)
    with pytest.raises(ValueError, match="planted"):
        most_missed(0, 0)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1])
def test_a_share_that_allows_nothing_or_everything_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        next(bounds(delta))


def test_it_takes_longer_the_closer_the_truth_is_to_what_is_allowed() -> None:
    rows = list(powers(0.05, _LOOKS))
    assert [row.median for row in rows[:3]] == [119, 119, 169]
    assert rows[2].ninety == 337


@pytest.mark.slow
def test_the_command_says_that_all_of_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], looks=2_500) == 0
    told = capsys.readouterr().out
    assert "after 609" in told
    assert "1,891" in told


def test_the_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 2
    assert "Usage" in capsys.readouterr().out
