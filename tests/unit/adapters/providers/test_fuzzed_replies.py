"""The short form of fuzzed_replies.py."""

from __future__ import annotations

import pytest

from tests.unit.adapters.providers.fuzzed_replies import violation


@pytest.mark.parametrize("seed", range(4))
def test_whole_answers_come_back_whole_and_the_rest_fails_in_a_declared_way(seed: int) -> None:
    wrong = (violation(seed, number) for number in range(500))
    assert next((one for one in wrong if one is not None), None) is None
