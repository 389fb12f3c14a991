"""Several requests, one question: claim with the flight, follow, adopt, take dead flights.

The rules are those of docs/design.md §3.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.flight.state import SHARED, Bounds, Request, Rules, State, canonical
from tests.chaos.model.flight.steps import successors

#: The properties.
SURPLUS = "more calls for a request than 1 + faults in the window"
ASKED_TWICE = "more calls for a question than 1 + lost leaders and failed calls"
CHANGED = "a result changed"
SHARED_WRONGLY = "an outcome was shared that is its request's own affair"
LEFT_WAITING = "without a fault, a follower was left to its own clock"
WRONG_LEADER = "without a fault, a follower waits for a leader that has ended, while another flies"


def flight(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=State(requests=(Request(),) * bounds.requests),
        successors=lambda state: successors(state, rules, bounds),
        canonical=canonical,
        calls=lambda state: state.calls,
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=_is_end,
    )


def _wrong_state(state: State) -> Iterator[str]:
    if any(r.calls > 1 + r.excused for r in state.requests):
        yield SURPLUS
    excused = sum(r.excused for r in state.requests)
    if state.calls > 1 + excused + state.troubles:
        yield ASKED_TWICE
    for r in state.requests:
        if r.doc is not None and r.doc.st == "T" and not r.doc.own and r.doc.outcome not in SHARED:
            yield SHARED_WRONGLY
    if not (state.fatal or state.transient or state.copies):
        for index in range(len(state.requests)):
            yield from _wrong_wait(state, index)


def _wrong_wait(state: State, index: int) -> Iterator[str]:
    """For a follower with nothing under way that would make it look: its leader may not have told its end."""
    r = state.requests[index]
    if r.doc is None or r.doc.st != "F" or r.wake:
        return
    if any(w.request == index and w.pc != "idle" for w in state.workers):
        return
    if not _has_told(state.requests[r.doc.leader]):
        return
    others = [other for other in state.requests if other.doc is not None and other.doc.leads]
    yield LEFT_WAITING if all(_has_told(other) for other in others) else WRONG_LEADER


def _has_told(r: Request) -> bool:
    return r.doc is not None and r.doc.confirmed and not r.result


def _wrong_step(state: State, step: State) -> Iterator[str]:
    for before, now in zip(state.requests, step.requests, strict=True):
        if before.doc is None or before.doc.st != "T":
            continue
        result = (before.doc.outcome, before.doc.answer)
        if now.doc is None or now.doc.st != "T" or (now.doc.outcome, now.doc.answer) != result:
            yield CHANGED


def _is_end(state: State) -> bool:
    return all(r.doc is not None and r.doc.st == "T" and r.doc.confirmed for r in state.requests)
