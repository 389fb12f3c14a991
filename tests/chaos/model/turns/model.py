"""Whose turn it is under a shared limit: seconds that are booked, a queue, sweepers that give turns
(docs/limits.md)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.turns.asking import asking
from tests.chaos.model.turns.state import AWAKE, CALLED, NEW, WAITS, Bounds, Rules, State, first
from tests.chaos.model.turns.sweeping import sweeping

#: The properties.
CROWDED = "two calls in one second of the limit"
TWICE = "a request was given a second after its call"
UNDERCOUNTED = "a tenant was given more than the limit's document says that it was served"
OVERTAKEN = "a newcomer went before somebody whom a sweep had left waiting"
UNFAIR = "of two tenants that both wait one was given two turns more than the other"


def turns(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=first(bounds),
        successors=lambda state: _steps(state, rules, bounds),
        canonical=lambda state: state,
        calls=lambda state: sum(one.calls for one in state.requests),
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=lambda state: (
            all(one.st == CALLED for one in state.requests)
            and all(sweep.step == "i" for sweep in state.sweeps)
        ),
    )


def _steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[str, State]]:
    yield from asking(state, rules, bounds)
    yield from sweeping(state, rules, bounds)


def _wrong_state(state: State) -> Iterator[str]:
    if state.now > 1:
        yield CROWDED
    if any(one.calls and one.st != CALLED for one in state.requests):
        yield TWICE
    if state.uncounted:
        yield UNDERCOUNTED
    if state.unfair:
        yield UNFAIR


def _wrong_step(before: State, after: State) -> Iterator[str]:
    left = before.queued and any(one.st == WAITS for one in before.requests)
    both = zip(before.requests, after.requests, strict=True)
    if left and any(one.st == NEW and other.st == AWAKE for one, other in both):
        yield OVERTAKEN
