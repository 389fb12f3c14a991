"""The states of the single-flight model: requests that ask one question, its cache document, two workers.

Fences, versions and write ids are kept as what is asked of them: a fence is the document's own or an old
one, what a worker has read is still so or not, and the last write of a document is a worker's or nobody's.
Time is left out, as in the model of one request.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import NamedTuple

#: Outcomes. An answer under the flight's own key, an answer under another key (a fallback, or found beside
#: the request), a refusal that is shared, a failure that is not.
ANSWER, ELSEWHERE, REFUSAL, FAILURE = "A", "E", "R", "F"
#: What may be shared (docs/design.md §3.5).
SHARED = frozenset({ANSWER, REFUSAL})

NOBODY = -1

#: The message of a delivery whose claim has landed: it matters no more which one it was.
CLAIMED = "-"


class Doc(NamedTuple):
    """A request's document."""

    st: str  # L leased, P parked, F following, T terminal
    #: The worker whose delivery made the last write with a write id; nobody, once that delivery is over.
    writer: int
    live: bool = False
    #: Whether it leads the flight of the question's key.
    leads: bool = False
    #: Whom it follows.
    leader: int = NOBODY
    outcome: str = ""
    answer: int = 0  # number of the call whose answer is the result
    #: Whether its own call brought the outcome.
    own: bool = True
    confirmed: bool = False
    #: 1 between two steps; 2 when the step gave it to another holder.
    fence: int = 1


class Request(NamedTuple):
    """A request, its messages under way, and what it cost."""

    doc: Doc | None = None
    deliveries: int = 1
    #: The fence of a wake under way; 0: none. A wake with another fence does nothing, and is left out.
    wake: int = 0
    #: A result under way on the response topic.
    result: bool = False
    kept: int = 0  # a paid answer beside the request
    calls: int = 0
    excused: int = 0  # faults between "call sent" and "result saved"


class Cache(NamedTuple):
    """The question's cache document."""

    flight: int
    answer: int = 0


class Worker(NamedTuple):
    """One delivery being worked on."""

    pc: str = "idle"
    request: int = 0
    message: str = ""  # R request, W wake, or CLAIMED
    fence: int = 0  # of the wake: 1 the document's, 0 an old one
    #: Whether document and cache document are still as we read, or left, them.
    fresh: bool = False
    cache_fresh: bool = False
    #: As read: the flight, the answer in the cache, whom we follow.
    flight: int = NOBODY
    leader: int = NOBODY
    answer: int = 0
    #: What the claim is about to write, or the call brought.
    plan: str = ""
    renewals: int = 0


IDLE = Worker()


class Late(NamedTuple):
    """A write that the network still carries; it is dropped here once its precondition fails for good."""

    request: int
    doc: Doc
    #: The cache document that it leaves, if it writes one, and whether that must be as it was read.
    cache: Cache | None = None
    cache_checked: bool = False


class State(NamedTuple):
    """Everything."""

    requests: tuple[Request, ...]
    workers: tuple[Worker, ...] = (IDLE, IDLE)
    cache: Cache | None = None
    late: Late | None = None
    calls: int = 0
    fatal: int = 0
    transient: int = 0
    throttles: int = 0
    troubles: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of everything the exploration allows."""

    requests: int = 2
    fatal: int = 0
    transient: int = 0
    throttles: int = 0
    #: Calls that bring a refusal, a failure, or an answer of the second target.
    troubles: int = 0
    copies: int = 0
    renewals: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of single flight (docs/design.md §3.5); each can be taken away to see what it is for."""

    #: Request and flight are created in one batch, refused whole; else one after the other.
    claim_batch: bool = True
    #: A flight is taken only if the cache document is as it was read.
    flight_cas: bool = True
    #: The flight carries its fence: to take it again makes a version that nobody has seen.
    flight_fence: bool = True
    #: The flight of a leader that ended or died is free.
    dead_flights: bool = True
    #: A leader that slept past its lease before its call puts itself aside: its flight may be another's.
    sleeper_parks: bool = True
    #: A follower looks again once it is parked.
    look_again: bool = True
    #: … and where another leader flies by then, follows that one.
    follow_flier: bool = True
    #: A follower looks by itself when its time comes.
    follow_clock: bool = True
    #: response_processor wakes the followers.
    wake_followers: bool = True
    #: Only completions, content_refused and provider_rejected are shared.
    share_few: bool = True
    #: An outcome is shared only under the key that it was given for.
    share_by_key: bool = True
    #: Result and cache document are saved in one batch; else one after the other.
    save_batch: bool = True


def canonical(state: State) -> State:
    """The same state under its smallest name: which request or worker is which does not matter."""
    state = _tidy(state)
    count = len(state.requests)
    if count == 1:
        return _sorted_workers(state)
    keys = [_signature(state, index) for index in range(count)]
    ranked = sorted(range(count), key=keys.__getitem__)
    candidates = [
        _sorted_workers(_renamed(state, order))
        for order in permutations(ranked)
        if all(keys[a] <= keys[b] for a, b in pairwise(order))
    ]
    return candidates[0] if len(candidates) == 1 else min(candidates, key=_comparable)


def _tidy(state: State) -> State:
    """Without old wakes, and with the fences as they are between two steps."""
    if all(r.wake == 0 or (r.doc is not None and r.wake == r.doc.fence) for r in state.requests) and all(
        r.doc is None or r.doc.fence == 1 for r in state.requests
    ):
        return state
    moved = {i for i, r in enumerate(state.requests) if r.doc is not None and r.doc.fence != 1}
    requests = tuple(
        r._replace(
            doc=r.doc._replace(fence=1) if r.doc is not None else None,
            wake=int(r.doc is not None and r.wake == r.doc.fence),
        )
        for r in state.requests
    )
    workers = tuple(w._replace(fence=0) if w.request in moved else w for w in state.workers)
    return state._replace(requests=requests, workers=workers)


def _signature(state: State, index: int) -> tuple[object, ...]:
    """What tells a request from the others, whatever they are called."""
    r, cache = state.requests[index], state.cache
    doc = () if r.doc is None else r.doc._replace(writer=r.doc.writer >= 0, leader=r.doc.leader >= 0)
    hands = sorted(w.pc for w in state.workers if w.request == index and w.pc != "idle")
    flies = cache is not None and cache.flight == index
    return (doc, *r[1:], hands, flies, state.late is not None and state.late.request == index)


def _renamed(state: State, order: tuple[int, ...]) -> State:
    """Request `order[i]` becomes request i."""
    if order == tuple(range(len(order))):
        return state
    new = {old: index for index, old in enumerate(order)} | {NOBODY: NOBODY}

    def document(doc: Doc) -> Doc:
        return doc if doc.leader == NOBODY else doc._replace(leader=new[doc.leader])

    def cache(entry: Cache | None) -> Cache | None:
        return entry if entry is None else entry._replace(flight=new[entry.flight])

    late = state.late
    return state._replace(
        requests=tuple(
            r if r.doc is None else r._replace(doc=document(r.doc))
            for r in (state.requests[old] for old in order)
        ),
        workers=tuple(
            w
            if w.pc == "idle"
            else w._replace(request=new[w.request], flight=new[w.flight], leader=new[w.leader])
            for w in state.workers
        ),
        cache=cache(state.cache),
        late=late
        and late._replace(request=new[late.request], doc=document(late.doc), cache=cache(late.cache)),
    )


def _sorted_workers(state: State) -> State:
    owned = [
        tuple(r.doc is not None and r.doc.writer == slot for r in state.requests)
        for slot in range(len(state.workers))
    ]
    order = sorted(range(len(state.workers)), key=lambda slot: (state.workers[slot], owned[slot]))
    if order == sorted(order):
        return state
    new = {old: slot for slot, old in enumerate(order)} | {NOBODY: NOBODY}
    late = state.late
    return state._replace(
        workers=tuple(state.workers[old] for old in order),
        requests=tuple(
            r if r.doc is None else r._replace(doc=r.doc._replace(writer=new[r.doc.writer]))
            for r in state.requests
        ),
        late=late and late._replace(doc=late.doc._replace(writer=new[late.doc.writer])),
    )


def _comparable(state: State) -> tuple[object, ...]:
    """For an order among states: None is compared with nothing."""
    requests = tuple((r.doc or (), *r[1:]) for r in state.requests)
    late = state.late
    carried = () if late is None else (late.request, late.doc, late.cache or (), late.cache_checked)
    return (requests, state.workers, state.cache or (), carried)
