"""One request, its messages, two workers: claim, call, save, publish, confirm.

The rules are those of docs/design.md §3.1 to §3.4 and §3.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.request.state import Bounds, Rules, State, canonical
from tests.chaos.model.request.steps import successors

#: The properties.
SURPLUS = "more calls than 1 + faults in the window"
FENCE = "a fence went back"
CHANGED = "a completed result changed"


def request(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=State(),
        successors=lambda state: successors(state, rules, bounds),
        canonical=canonical,
        calls=lambda state: state.calls,
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=lambda state: state.doc is not None and state.doc.st == "T" and state.doc.confirmed,
    )


def _wrong_state(state: State) -> Iterator[str]:
    if state.calls > 1 + state.excused:
        yield SURPLUS


def _wrong_step(state: State, step: State) -> Iterator[str]:
    before, now = state.doc, step.doc
    if before is None:
        return
    if now is None or now.fence < before.fence:
        yield FENCE
    elif before.st == "T" and (now.st, now.answer) != ("T", before.answer):
        yield CHANGED
