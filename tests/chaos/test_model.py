"""The model holds within its bounds, and each rule of the protocol is needed: without it the model breaks."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.chaos.model.explore import explore
from tests.chaos.model.state import Bounds, Rules

#: What shows each rule's purpose: (bounds, the property that breaks without it).
NEEDED = {
    "write_ids": (Bounds(0, 1, 0, 0, 0), "more calls than 1 + faults in the window"),
    "check_lease": (Bounds(1, 0, 0, 0, 0), "more calls than 1 + faults in the window"),
    "fenced": (Bounds(1, 0, 0, 0, 0), "a completed result changed"),
    "outbox": (Bounds(0, 1, 0, 0, 0), "lost or stuck"),
    "ack_late": (Bounds(1, 0, 0, 0, 0), "lost or stuck"),
    "sweep_open": (Bounds(0, 0, 1, 0, 0), "lost or stuck"),
    "create": (Bounds(0, 0, 0, 1, 0), "more calls than 1 + faults in the window"),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bounds", [Bounds(1, 1, 0, 0, 0), Bounds(0, 1, 1, 1, 0)], ids=str)
def test_nothing_is_lost_or_paid_twice_in_any_order_of_events(bounds: Bounds) -> None:
    explored = explore(bounds=bounds)
    assert explored.states > 10_000
    assert explored.broken == {}


def test_the_model_sees_the_surplus_call_that_a_pause_in_the_window_costs() -> None:
    assert explore(bounds=Bounds(1, 0, 0, 0, 0)).most_calls == 2


@pytest.mark.parametrize("rule", [field.name for field in fields(Rules)])
def test_without_this_rule_the_model_breaks(rule: str) -> None:
    bounds, property_ = NEEDED[rule]
    assert explore(bounds=bounds).broken == {}
    assert property_ in explore(replace(Rules(), **{rule: False}), bounds).broken
