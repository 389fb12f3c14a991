"""Trouble at the provider is no reason for a dead letter, however few delivery attempts there are."""

from __future__ import annotations

import pytest

from tests.chaos.storm import TROUBLES, nack_on_failure, penstock

_REQUESTS = 30


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_everything_completes_after_the_storm_and_nothing_is_given_up(trouble: str) -> None:
    weathered = penstock(trouble, _REQUESTS, seed=0)
    assert weathered.violations == []
    assert (weathered.completed, weathered.false_dead_letters) == (_REQUESTS, 0)


def test_the_usual_way_loses_healthy_messages_in_the_same_storm() -> None:
    """The baseline shows that the storm is one."""
    weathered = nack_on_failure("429 for ten minutes", _REQUESTS, seed=0)
    assert weathered.false_dead_letters > 0
