"""Explore the model exhaustively, breadth first, and say in how few steps a property breaks."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from tests.chaos.model.state import Bounds, Doc, Rules, State, canonical
from tests.chaos.model.steps import successors

#: Names of steps that are faults: no progress may depend on them.
_FAULTS = ("DIES", "LOST", "LATE", "REFUSED", "CANNOT", "PAUSE", "DUPLICATE", "THROTTLED")


@dataclass(slots=True)
class Explored:
    """What the exploration saw. `broken` holds the shortest way to each kind of violation."""

    states: int = 0
    steps: int = 0
    most_calls: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    real_s: float = 0.0


def explore(rules: Rules | None = None, bounds: Bounds | None = None, limit: int = 3_000_000) -> Explored:
    """Every reachable state. Raises ValueError when there are more than `limit`."""
    rules, bounds = rules or Rules(), bounds or Bounds()
    start = time.monotonic()
    explored = Explored()
    first = State()
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    backwards: dict[State, list[State]] = {}
    todo = deque([first])
    while todo:
        state = todo.popleft()
        _check_state(explored, came_from, state)
        for name, step in successors(state, rules, bounds):
            after = canonical(step)
            explored.steps += 1
            _check_step(explored, came_from, state, name, after)
            if not any(fault in name for fault in _FAULTS):
                backwards.setdefault(after, []).append(state)
            if after not in came_from:
                came_from[after] = (state, name)
                todo.append(after)
                if len(came_from) > limit:
                    raise ValueError(f"more than {limit} states: tighten the bounds")
    explored.states = len(came_from)
    _check_progress(explored, came_from, backwards)
    explored.real_s = time.monotonic() - start
    return explored


_Trail = dict[State, tuple[State, str] | None]


def _check_state(explored: Explored, trail: _Trail, state: State) -> None:
    explored.most_calls = max(explored.most_calls, state.calls)
    if state.calls > 1 + state.excused:
        _broken(explored, "more calls than 1 + faults in the window", trail, state)


def _check_step(explored: Explored, trail: _Trail, state: State, name: str, after: State) -> None:
    before, now = state.doc, after.doc
    if before is None:
        return
    if now is None or now.fence < before.fence:
        _broken(explored, "a fence went back", trail, state, name)
    elif before.st == "T" and (now.st, now.answer) != ("T", before.answer):
        _broken(explored, "a completed result changed", trail, state, name)


def _check_progress(explored: Explored, trail: _Trail, backwards: dict[State, list[State]]) -> None:
    """From everywhere the end is reachable without another fault: nothing is lost, nothing is stuck."""
    good = [state for state in trail if _is_end(state.doc)]
    reached = set(good)
    while good:
        for before in backwards.get(good.pop(), ()):
            if before not in reached:
                reached.add(before)
                good.append(before)
    for state in trail:  # in order of discovery: the first is the nearest
        if state not in reached:
            _broken(explored, "lost or stuck", trail, state)
            return


def _is_end(doc: Doc | None) -> bool:
    return doc is not None and doc.st == "T" and doc.confirmed


def _broken(explored: Explored, what: str, trail: _Trail, state: State, last: str = "") -> None:
    if what in explored.broken:
        return
    steps = [last] if last else []
    came = trail[state]
    while came is not None:
        steps.append(came[1])
        came = trail[came[0]]
    explored.broken[what] = steps[::-1]
