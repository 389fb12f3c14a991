"""The states of the model of a request's lives: failure classes, two targets, dead letters, redrives.

A life is what happens under one redrive_count. As in the model of single flight, fences, versions and write
ids are kept as what is asked of them, and time is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

#: Results below zero are failures.
REJECTED, EXHAUSTED, INTERNAL, OVERDUE = -1, -2, -3, -4

NOBODY = -1

#: The message of a delivery whose claim has landed: it matters no more which one it was.
CLAIMED = "-"

#: Ambiguous tries and take-overs until a request ends. The code's numbers are 6 and 3.
MAX_TRIES = 2
MAX_TAKEOVERS = 2

#: The last of the route's two targets.
LAST_TARGET = 1


class Doc(NamedTuple):
    """The request's document."""

    st: str  # L leased, P parked, T terminal
    #: The worker whose delivery made the last write with a write id; nobody, once that delivery is over.
    writer: int
    live: bool = False
    life: int = 0  # redrive_count
    tries: int = 0
    takeovers: int = 0
    target: int = 0
    result: int = 0  # number of the call that brought the answer, or the failure
    confirmed: bool = False
    #: 1 between two steps; 2 when the step gave it to another holder.
    fence: int = 1


class Life(NamedTuple):
    """What happened under one redrive_count."""

    calls: int = 0
    excused: int = 0  # faults between "call sent" and "result saved", ambiguous failures among them
    ambiguous: int = 0
    kept: int = 0  # a paid answer beside the request
    letter: bool = False  # the dead letter is out
    sent: bool = False  # the result is out
    result: bool = False  # a result is under way on the response topic
    redrives: int = 0  # redrive messages under way that ask for this life


class Worker(NamedTuple):
    """One delivery being worked on."""

    pc: str = "idle"
    message: str = ""  # R request, W wake, D redrive, or CLAIMED
    fence: int = 0  # of the wake: 1 the document's, 0 an old one
    asks: int = 0  # the redrive's count
    fresh: bool = False
    #: The life that we work in, and where in it we are.
    life: int = 0
    target: int = 0
    tries: int = 0
    doomed: bool = False  # too many take-overs before us
    #: The target rests: the line that stands for a call to it is taken back by the next write.
    idle: bool = False
    result: int = 0
    #: Whether the answer is this delivery's own and not one that it found.
    bought: bool = False
    returns: bool = False  # to be nacked at the end


IDLE = Worker()


class Late(NamedTuple):
    """A write that the network still carries, and the ledger's lines that it adds."""

    doc: Doc
    lines: int


class State(NamedTuple):
    """Everything."""

    lives: tuple[Life, ...]
    doc: Doc | None = None
    workers: tuple[Worker, ...] = (IDLE, IDLE)
    deliveries: int = 1
    #: The fence of a wake under way; 0: none.
    wake: int = 0
    late: Late | None = None
    #: The highest redrive_count that was asked for.
    asked: int = 0
    #: Lines in the ledger beyond the calls that were made.
    spare: int = 0
    #: An answer lies under the cache key of a target that did not give it.
    miskeyed: bool = False
    fatal: int = 0
    transient: int = 0
    throttles: int = 0
    troubles: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of everything the exploration allows."""

    redrives: int = 0
    fatal: int = 0
    transient: int = 0
    throttles: int = 0
    #: Ambiguous failures, rejections, deadlines that pass.
    troubles: int = 0
    #: Redrive messages that come twice.
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, each of which can be taken away to see what it is for (docs/design.md §2.4, §3.1, §3.6)."""

    #: The ledger is written before the next try.
    ledger_first: bool = True
    #: Ambiguous tries are counted, and end.
    tries_end: bool = True
    #: Unpaid failures are not counted.
    unpaid_free: bool = True
    #: Take-overs without an outcome are counted, and end.
    takeovers_end: bool = True
    #: An answer is cached under the key of the target that gave it.
    key_of_answerer: bool = True
    #: The dead letter is published before the result.
    letter_first: bool = True
    #: A redrive names the life that it asks for.
    redrive_by_count: bool = True
    #: A request is reopened only as it was read.
    reopen_cas: bool = True
    #: Only a confirmed failure is reopened …
    redrive_waits: bool = True
    #: … and a redrive that comes before is nacked, so that it comes back.
    redrive_returns: bool = True
    #: A result confirms only its own life.
    confirm_by_count: bool = True


def canonical(state: State) -> State:
    """The same state under its smallest name: which worker is which does not matter, old wakes neither."""
    doc = state.doc
    if doc is not None and (doc.fence != 1 or state.wake not in (0, doc.fence)):
        workers = state.workers
        if doc.fence != 1:
            workers = tuple(w._replace(fence=0) if w.fence else w for w in workers)
        wake = int(state.wake == doc.fence)
        state = state._replace(doc=doc._replace(fence=1), workers=workers, wake=wake)
    first, second = state.workers
    writer = state.doc.writer if state.doc is not None else NOBODY
    if (first, writer == 0) <= (second, writer == 1):
        return state
    swapped = {0: 1, 1: 0, NOBODY: NOBODY}
    doc, late = state.doc, state.late
    return state._replace(
        workers=(second, first),
        doc=doc and doc._replace(writer=swapped[doc.writer]),
        late=late and late._replace(doc=late.doc._replace(writer=swapped[late.doc.writer])),
    )


def put(state: State, slot: int, worker: Worker) -> State:
    workers = list(state.workers)
    workers[slot] = worker
    return state._replace(workers=tuple(workers))


def change_life(state: State, count: int, **changes: Any) -> State:
    """The life `count` with `changes` in it."""
    lives = list(state.lives)
    lives[count] = lives[count]._replace(**changes)
    return state._replace(lives=tuple(lives))


def write(state: State, doc: Doc, slot: int = NOBODY, lines: int = 0) -> State:
    """`doc` lies in the store, written by the worker in `slot`, who knows its version; everybody else, and
    what the network still carries, knows an old one."""
    workers = tuple(
        w._replace(fresh=False) if w.fresh and other != slot else w for other, w in enumerate(state.workers)
    )
    return state._replace(doc=doc, workers=workers, late=None, spare=state.spare + lines)


def end(state: State, slot: int) -> State:
    """The delivery in `slot` is over, and acked: nobody is left to know its writes by their ids."""
    doc, late = state.doc, state.late
    if doc is not None and doc.writer == slot:
        doc = doc._replace(writer=NOBODY)
    if late is not None and late.doc.writer == slot:
        late = late._replace(doc=late.doc._replace(writer=NOBODY))
    return put(state._replace(doc=doc, late=late), slot, IDLE)


def again(state: State, slot: int, w: Worker) -> State:
    """The delivery in `slot` is over; its message comes once more."""
    over = end(state, slot)
    match w.message:
        case "R":
            return over._replace(deliveries=state.deliveries + 1)
        case "D":
            return change_life(over, w.asks, redrives=state.lives[w.asks].redrives + 1)
        case "W" if w.fence:
            return over._replace(wake=w.fence)
    return over  # what a claimed message could still do, the sweeper's wake does too
