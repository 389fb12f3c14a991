"""What can go wrong at one step of an instance, and plans that say when."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """One thing that goes wrong at one I/O step."""

    #: The call fails and has no effect.
    ERROR_BEFORE = "error before"
    #: The effect happens, the answer is lost.
    LOST_RESPONSE = "lost response"
    #: No answer within the timeout; the effect happens later still.
    OVERLONG = "overlong delay"
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    #: The process stands still for longer than a lease, then goes on as if nothing had been.
    PAUSE_BEFORE = "pause before"
    PAUSE_AFTER = "pause after"


#: Faults that a live holder must absorb without paying again.
TRANSIENT = frozenset({Fault.ERROR_BEFORE, Fault.LOST_RESPONSE, Fault.OVERLONG})


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault as it was dealt: for the checker, who explains surplus calls with it."""

    at: float
    until: float
    instance: str
    step: str
    fault: str

    @property
    def transient(self) -> bool:
        return self.fault in TRANSIENT


class Plan(Protocol):
    """Says what goes wrong at the next step of an instance."""

    def fault(self, instance: str, step: str, at: float) -> Fault | None: ...


class NoFaults:
    """Nothing goes wrong."""

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        return None


@dataclass(slots=True)
class AtSteps:
    """The n-th step of the whole world goes wrong, for every n in `by_number` (from 0); `steps` as done."""

    by_number: Mapping[int, Fault]
    steps: list[str] = field(default_factory=list)

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        self.steps.append(step)
        return self.by_number.get(len(self.steps) - 1)


@dataclass(slots=True)
class AtRandom:
    """Each step goes wrong with probability `rate` until `until`; `weights` by fault."""

    rng: random.Random
    rate: float
    until: float
    weights: Mapping[Fault, float] = field(default_factory=dict)

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        if at >= self.until or self.rng.random() >= self.rate:
            return None
        kinds = list(self.weights or dict.fromkeys(Fault, 1.0))
        weights = [self.weights.get(kind, 1.0) for kind in kinds]
        return self.rng.choices(kinds, weights)[0]


@dataclass(slots=True)
class AtNamed:
    """The n-th time (from 1) that a step of this name is taken by anybody, it goes wrong."""

    by_name: Mapping[tuple[str, int], Fault]
    counts: Counter[str] = field(default_factory=Counter)

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        self.counts[step] += 1
        return self.by_name.get((step, self.counts[step]))


@dataclass(slots=True)
class Unreachable:
    """Every step that starts with `part` fails from `start` to `end` seconds."""

    part: str
    start: float
    end: float

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        return Fault.ERROR_BEFORE if step.startswith(self.part) and self.start <= at < self.end else None
