"""The states of the fan-in's model: pages of members with links, two deliveries at once, one step of a run.

A member is the link that it has come to: the links before it are completed and confirmed. Messages are kept
as how many there are, at most two of a kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

#: Outcomes of a link.
OPEN, COMPLETED, FAILED = "-", "c", "f"

#: What a page freezes: the outcome of each of its members, `OPEN` where one has not ended.
Rows = tuple[str, ...]


class Member(NamedTuple):
    """`st`: a absent, o open, t terminal."""

    link: int = 0
    st: str = "a"
    outcome: str = OPEN
    confirmed: bool = False
    done: bool = False
    #: Its request's messages, its result's, and whether a wake for its next link is under way.
    asked: int = 0
    answered: int = 0
    woken: bool = False


class Worker(NamedTuple):
    """A delivery. `at`: the member of a result, the page of a look; `rows`: what it has read."""

    pc: str = "idle"
    at: int = 0
    rows: Rows = ()


class State(NamedTuple):
    members: tuple[Member, ...]
    #: The rows of each closed page; None: it is open.
    pages: tuple[Rows | None, ...]
    #: Wakes of each page, and whether one of the run is under way.
    looks: tuple[bool, ...]
    run: bool = False
    #: What was frozen of the whole step, and what later steps were made of.
    stage: tuple[Rows, ...] | None = None
    nexts: frozenset[tuple[Rows, ...]] = frozenset()
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    crashes: int = 0
    drops: int = 0
    copies: int = 0
    redrives: int = 0
    #: Wakes that died with the delivery that had taken them.
    lost_looks: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many there are of each, and at most how many faults."""

    pages: int = 1
    members: int = 1
    links: int = 1
    crashes: int = 0
    drops: int = 0
    copies: int = 0
    redrives: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of docs/runs.md; the model breaks without any one of them."""

    #: A run that hears nothing makes its pages look, and publish what was lost.
    sweep: bool = True
    #: A page is told of a member also when the result was confirmed before.
    always_tell: bool = True
    #: A page that counts all reads its members, and one that has not ended stops it.
    check_members: bool = True
    #: A page is closed by compare-and-set.
    first_close: bool = True
    #: The next step is made of what was frozen.
    frozen: bool = True


def canonical(state: State) -> State:
    """Which of two deliveries is which does not matter."""
    first, second = state.workers
    return state if first <= second else state._replace(workers=(second, first))
