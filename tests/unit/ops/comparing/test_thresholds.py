"""From which grade on a cheap answer may stand: what is told, and how often that is too little."""

from __future__ import annotations

import math

import pytest

from penstock.similar.rule import ERROR
from penstock_ops.comparing.measured import measured
from penstock_ops.comparing.questions import Question
from penstock_ops.comparing.show_thresholds import lines_of, thresholds_told
from penstock_ops.comparing.thresholds import GRIDS, cases, enough, lowest, most_wrong, thresholds

GRADES = GRIDS["at_least"]


def graded(grade: float | None, many: int, wrong: int = 0) -> list[tuple[float | None, bool]]:
    return [(grade, number < wrong) for number in range(many)]


def test_the_lowest_grade_is_told_from_which_on_few_enough_are_wrong() -> None:
    answers = [
        *graded(9, 150),
        *graded(7, 100, wrong=1),
        *graded(5, 100, wrong=60),
        *graded(None, 40, wrong=40),
    ]
    found = thresholds(answers, GRADES)
    best = lowest(found, 0.05)
    assert best is not None
    assert (best.least, best.asked, best.stand, best.wrong) == (6, 390, 250, 1)
    assert best.at_most <= 0.05
    assert [one.stand for one in found] == [350] * 5 + [250] * 2 + [150] * 2 + [0]
    assert lowest(found, 0.01) is None


def test_ten_answers_tell_nothing() -> None:
    found = thresholds(graded(10, 10), GRADES)
    assert lowest(found, 0.05) is None
    assert {one.at_most for one in thresholds([], GRADES)} == {1.0}
    assert enough(0.05, GRADES) == 124
    assert lowest(thresholds(graded(10, 124), GRADES), 0.05) is not None
    assert lowest(thresholds(graded(10, 123), GRADES), 0.05) is None


def test_what_is_wrong_always_is_never_said_to_be_less() -> None:
    assert most_wrong(50, 50, 200) == 1.0


@pytest.mark.parametrize("truly", [0.01, 0.02, 0.05, 0.2])
@pytest.mark.parametrize("many", [50, 124, 400, 1_000])
def test_too_little_is_said_with_a_tenth_of_five_per_cent_at_most_of_each_grade(
    many: int, truly: float
) -> None:
    """Exactly, over every number of wrong ones that there can be: ten grades beside each other make 5 %."""
    said = (k for k in range(many + 1) if most_wrong(many, k, len(GRADES) / ERROR) <= truly)
    likelihood = math.fsum(math.comb(many, k) * truly**k * (1 - truly) ** (many - k) for k in said)
    assert likelihood <= ERROR / len(GRADES)


def result(text: str, likely: float | None = None, **completion: object) -> dict[str, object]:
    said = {"text": text, "tool_calls": [], "finish_reason": "stop", **completion}
    return {
        "status": "completed", "completion": said | ({} if likely is None else {"likely": likely}),
        "cache": "miss", "cost": {"usd": 0.1}, "usage": {"completion_tokens": 1},
        "timings": {"provider_ms": 1},
    }  # fmt: skip


def test_how_likely_an_answer_was_is_held_to_what_was_expected_or_else_to_the_baseline() -> None:
    asked = [
        Question({"prompt": "a"}, "yes"),
        Question({"prompt": "b"}, None),
        Question({"prompt": "c"}, "yes"),
    ]
    baseline = [result("no"), result("no"), result("yes")]
    cheap = [result("yes", 0.9), result("no", 0.7), result("yes", 0.99, finish_reason="length")]
    one = measured("cheap", asked, cheap, baseline)
    assert cases(one, "likely") == [(0.9, False), (0.7, False), (None, False)]
    assert "likely" not in measured("dear", asked, baseline, None).scores
    told = thresholds_told(one, 0.05)["likely"]
    assert (told["lowest"], [each["stand"] for each in told["tried"]]) == (None, [2, 2, 2, 1, 1, 0, 0, 0])
    lines = list(lines_of(one, one, 0.05))
    assert lines[0] == "A cascade from cheap to cheap, at most 5.0% of what stands wrong: none can be told"
    assert "119 answers that would stand are needed" in lines[1]
    assert "likely 0.8: 33.3% stand (1 of 3), 0 of them wrong; at most 99.5% are" in lines[5]
