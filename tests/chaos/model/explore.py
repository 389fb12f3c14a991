"""Explore a model exhaustively, breadth first, and say in how few steps a property breaks."""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

#: What breaks when some state has no way to the end left that needs no further fault.
LOST = "lost or stuck"

#: The exploration tells of itself after so many states.
_TELLS = 4096


@dataclass(frozen=True, slots=True)
class Model(Generic[S]):
    """A protocol as states and steps. A step whose name holds a capital letter is a fault: no progress may
    depend on it."""

    first: S
    successors: Callable[[S], Iterable[tuple[str, S]]]
    #: One state for all those that differ in nothing that any step looks at.
    canonical: Callable[[S], S]
    calls: Callable[[S], int]
    #: The properties that a state breaks, and that a step from the first to the second breaks.
    wrong_state: Callable[[S], Iterable[str]]
    wrong_step: Callable[[S, S], Iterable[str]]
    #: Whether everything has come to its end.
    is_end: Callable[[S], bool]


@dataclass(slots=True)
class Explored:
    """What the exploration saw. `broken` holds the shortest way to each kind of violation."""

    states: int = 0
    steps: int = 0
    most_calls: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    real_s: float = 0.0


@dataclass(slots=True)
class _Seen(Generic[S]):
    """Every state found so far, by number, and how it was reached first."""

    numbers: dict[S, int] = field(default_factory=dict)
    states: list[S] = field(default_factory=list)
    parents: array[int] = field(default_factory=lambda: array("l"))
    #: The step that led there, by number.
    via: array[int] = field(default_factory=lambda: array("l"))
    names: dict[str, int] = field(default_factory=dict)
    #: Steps that are no faults, as pairs of numbers.
    sources: array[int] = field(default_factory=lambda: array("l"))
    targets: array[int] = field(default_factory=lambda: array("l"))

    def add(self, state: S, parent: int, name: str) -> int:
        number = self.numbers.get(state)
        if number is None:
            number = self.numbers[state] = len(self.states)
            self.states.append(state)
            self.parents.append(parent)
            self.via.append(self.names.setdefault(name, len(self.names)))
        return number

    def trail(self, number: int) -> list[str]:
        """The names of the steps from the first state to this one."""
        names, steps = list(self.names), []
        while self.parents[number] >= 0:
            steps.append(names[self.via[number]])
            number = self.parents[number]
        return steps[::-1]


def explore(
    model: Model[S],
    limit: int = 3_000_000,
    tell: Callable[[int, int], None] | None = None,
    until: str | None = None,
) -> Explored:
    """Every reachable state. `tell` hears now and then how many states are done, and found; the first breach
    of the property `until` ends it.

    Raises ValueError when there are more than `limit`.
    """
    start = time.monotonic()
    gc.disable()  # millions of tuples without a cycle: to look through them again and again takes longer
    try:
        explored = _explore(model, limit, tell, until)
    finally:
        gc.enable()
    explored.real_s = time.monotonic() - start
    return explored


def _explore(
    model: Model[S], limit: int, tell: Callable[[int, int], None] | None, until: str | None
) -> Explored:
    explored, seen = Explored(), _Seen[S]()
    seen.add(model.canonical(model.first), -1, "")
    done = 0
    while done < len(seen.states):
        _expand(model, explored, seen, done)
        done += 1
        if until in explored.broken:
            explored.states = done
            return explored
        if len(seen.states) > limit:
            raise ValueError(f"more than {limit} states: tighten the bounds")
        if tell is not None and done % _TELLS == 0:
            tell(done, len(seen.states))
    explored.states = done
    _check_progress(model, explored, seen)
    return explored


def _expand(model: Model[S], explored: Explored, seen: _Seen[S], number: int) -> None:
    """Check one state, and take every step from it."""
    state = seen.states[number]
    explored.most_calls = max(explored.most_calls, model.calls(state))
    for what in model.wrong_state(state):
        explored.broken.setdefault(what, seen.trail(number))
    for name, step in model.successors(state):
        explored.steps += 1
        for what in model.wrong_step(state, step):
            explored.broken.setdefault(what, [*seen.trail(number), name])
        after = seen.numbers.get(step)
        if after is None:
            after = seen.add(model.canonical(step), number, name)
        if name.islower():
            seen.sources.append(number)
            seen.targets.append(after)


def _check_progress(model: Model[S], explored: Explored, seen: _Seen[S]) -> None:
    """From everywhere the end is reachable without another fault: nothing is lost, nothing is stuck."""
    heads, before = _backwards(seen)
    good = [number for number, state in enumerate(seen.states) if model.is_end(state)]
    reached = bytearray(len(seen.states))
    for number in good:
        reached[number] = 1
    while good:
        number = good.pop()
        for source in before[heads[number] : heads[number + 1]]:
            if not reached[source]:
                reached[source] = 1
                good.append(source)
    nearest = reached.find(0)
    if nearest >= 0:
        explored.broken.setdefault(LOST, seen.trail(nearest))


def _backwards(seen: _Seen[S]) -> tuple[array[int], array[int]]:
    """The steps turned round: where the sources of each target begin, and the sources, target by target."""
    heads = array("l", bytes(array("l").itemsize * (len(seen.states) + 2)))
    for target in seen.targets:
        heads[target + 2] += 1
    for number in range(2, len(heads)):
        heads[number] += heads[number - 1]
    before = array("l", bytes(array("l").itemsize * len(seen.sources)))
    for source, target in zip(seen.sources, seen.targets, strict=True):
        before[heads[target + 1]] = source
        heads[target + 1] += 1
    return heads, before
