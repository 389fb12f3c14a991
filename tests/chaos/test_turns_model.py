"""Whose turn it is: the model holds in every order of events, and none of its rules can be left out."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.chaos.model.explore import LOST, explore
from tests.chaos.model.turns import model
from tests.chaos.model.turns.state import Bounds, Rules

#: The bounds that are explored here; docs/reliability.md names the larger ones of `scripts/chaos model`.
SOUND = [(Bounds(1, 1), 2_000), (Bounds(1, 1, crashes=1), 5_000), (Bounds(1, 1, lost=1), 3_000)]

NEEDED = [
    ("own_stretch", Bounds(2, 1, patience=1), model.CROWDED),
    ("late", Bounds(1, 1), model.CROWDED),
    ("anew", Bounds(1, 1), LOST),
    ("net", Bounds(1, 1, lost=1), LOST),
    ("one_write", Bounds(1, 1, crashes=1), model.UNDERCOUNTED),
    ("cas", Bounds(1, 1, sweeps=2), model.UNDERCOUNTED),
    ("turn_cas", Bounds(1, 1), model.TWICE),
    ("behind", Bounds(2, 1), model.OVERTAKEN),
    ("least", Bounds(2, 1), model.UNFAIR),
    ("lifted", Bounds(2, 1), model.UNFAIR),
]


@pytest.mark.slow
@pytest.mark.parametrize(("bounds", "least"), SOUND)
def test_no_property_breaks_in_any_order_of_events(bounds: Bounds, least: int) -> None:
    explored = explore(model.turns(bounds=bounds))
    assert explored.states > least
    assert explored.broken == {}


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED)
def test_without_this_rule_the_limit_or_its_turns_break(rule: str, bounds: Bounds, property_: str) -> None:
    without = replace(Rules(), **{rule: False})
    assert property_ in explore(model.turns(without, bounds), until=property_).broken


def test_every_rule_is_shown_to_be_needed() -> None:
    assert [field.name for field in fields(Rules)] == [rule for rule, _, _ in NEEDED]
