"""The fan-in: count the members, read them at one moment, freeze by compare-and-set, sweep (docs/runs.md)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.fanin.state import OPEN, Bounds, Rules, State, canonical
from tests.chaos.model.fanin.steps import first, successors

#: The properties.
DOUBLED = "a step was followed by two different ones"
WITHOUT = "a step went on without a member"
CHANGED = "a closed page changed"
UNTOLD = "with no message lost, a page was left to the sweep"


def fanin(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=first(bounds),
        successors=lambda state: successors(state, rules, bounds),
        canonical=canonical,
        calls=lambda state: len(state.nexts),
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=lambda state: bool(state.nexts),
    )


def _wrong_state(state: State) -> Iterator[str]:
    if len(state.nexts) > 1:
        yield DOUBLED
    frozen = [rows for rows in state.pages if rows is not None]
    if any(OPEN in rows for rows in [*frozen, *(rows for made in state.nexts for rows in made)]):
        yield WITHOUT
    if not state.drops and _is_quiet(state) and None in state.pages and all(m.done for m in state.members):
        yield UNTOLD


def _is_quiet(state: State) -> bool:
    """Nothing is under way that would look at a page; a delivery that died may have been its last look."""
    if state.run or any(state.looks) or any(worker.pc != "idle" for worker in state.workers):
        return False
    return state.lost_looks == 0 and not any(m.answered or m.asked or m.woken for m in state.members)


def _wrong_step(state: State, step: State) -> Iterator[str]:
    for before, now in zip(state.pages, step.pages, strict=True):
        if before is not None and now != before:
            yield CHANGED
