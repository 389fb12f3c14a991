"""The claim: read the request and its cache document, read whom they name, and write what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.flight.state import (
    ANSWER,
    CLAIMED,
    NOBODY,
    SHARED,
    Bounds,
    Cache,
    Doc,
    Late,
    Rules,
    State,
    Worker,
)
from tests.chaos.model.flight.writes import again, end, put, write, write_cache

Step = tuple[str, State]

#: What a claim is about to write; else the outcome with which it ends the request.
LEAD, FOLLOW = "lead", "follow"
_TOLD = {LEAD: "claims, and leads", FOLLOW: "is parked, and follows"}
#: Mark of a follower that has just been parked by this delivery, and looks again.
_PARKED = "parked"


def arrive(state: State, slot: int, index: int, message: str) -> State:
    """A delivery begins. Where nobody knows the id or has asked the question, it claims without a look."""
    cold = message == "R" and state.requests[index].doc is None and state.cache is None
    if cold:
        plan = Worker("commit", index, message, fresh=True, cache_fresh=True, plan=LEAD)
        return put(state, slot, plan)
    return put(state, slot, Worker("look", index, message, fence=int(message == "W")))


def look(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Read request and cache document, and do what the lifecycle table says."""
    if state.transient < bounds.transient and w.message == "R":
        yield "CANNOT read, nacks", again(state, slot, w)._replace(transient=state.transient + 1)
    doc = state.requests[w.request].doc
    if doc is not None and doc.writer == slot:
        yield "finds its write", _landed(state, slot, w, doc, rules)
    elif (doc is None and w.message == "W") or (w.message == "W" and w.fence == 0):
        yield "finds nothing to do", end(state, slot)
    elif doc is None:
        yield "finds nothing", _enter(state, slot, w, None, rules)
    elif doc.st == "T":
        done = end(state, slot) if doc.confirmed else put(state, slot, _publishing(w))
        yield "finds the end", done
    elif doc.st == "L" and not doc.live:
        yield "finds an expired lease", _enter(state, slot, w, doc, rules)
    elif doc.st in "PF" and w.message == "W":
        yield "goes on", _enter(state, slot, w, doc, rules)
    else:
        yield "finds it in hands", end(state, slot)


def _landed(state: State, slot: int, w: Worker, doc: Doc, rules: Rules) -> State:
    """A batch of ours of unknown outcome had been written, or we follow and look again."""
    match doc.st:
        case "L":
            return put(state, slot, Worker("ready", w.request, CLAIMED, fresh=True))
        case "F":
            return _enter(state, slot, w, doc, rules, _PARKED) if rules.look_again else end(state, slot)
    return put(state, slot, _publishing(w._replace(message=CLAIMED)))


def _enter(state: State, slot: int, w: Worker, doc: Doc | None, rules: Rules, plan: str = "") -> State:
    cache, index = state.cache, w.request
    read = Worker(
        "others", index, w.message, w.fence, fresh=True, cache_fresh=True,
        flight=cache.flight if cache is not None else NOBODY,
        leader=doc.leader if doc is not None and doc.st == "F" else NOBODY,
        answer=cache.answer if cache is not None else 0,
        plan=plan,
    )  # fmt: skip
    if read.leader == NOBODY and read.flight in (NOBODY, index):
        return _decided(state, slot, read, rules)
    return put(state, slot, read)


def read_others(state: State, slot: int, w: Worker, rules: Rules) -> Iterator[Step]:
    """Read the request that we follow and the one that flies: a moment after our own and the cache."""
    yield "reads the others", _decided(state, slot, w, rules)


def _decided(state: State, slot: int, w: Worker, rules: Rules) -> State:
    """What is to be written, given cache and flight (functions/penstock/requests/flight.py, `admit`)."""
    plan, answer, flight = _admitted(state, w, rules)
    if plan == FOLLOW and w.plan == _PARKED and (flight == w.leader or not rules.follow_flier):
        return end(state, slot)  # parked, and the leader still flies
    if plan != FOLLOW:
        flight = w.flight if plan == LEAD else NOBODY
    sending = Worker(
        "commit", w.request, w.message, w.fence, w.fresh, w.cache_fresh and plan == LEAD, flight,
        answer=answer, plan=plan,
    )  # fmt: skip
    return put(state, slot, sending)


def _admitted(state: State, w: Worker, rules: Rules) -> tuple[str, int, int]:
    """The plan, the answer that comes with it, and the flight that it names."""
    leader = state.requests[w.leader].doc if w.leader != NOBODY else None
    if leader is not None and leader.st == "T":
        few = {*SHARED} if rules.share_few else {*SHARED, "F"}
        shared = few if rules.share_by_key else {*few, "E"}
        if leader.outcome in shared:
            return leader.outcome, leader.answer, NOBODY
    if w.answer:
        return ANSWER, w.answer, NOBODY
    if w.flight in (NOBODY, w.request):
        return LEAD, 0, NOBODY
    if rules.dead_flights and not _flies(state.requests[w.flight].doc):
        return LEAD, 0, NOBODY
    return FOLLOW, 0, w.flight


def _flies(doc: Doc | None) -> bool:
    return doc is not None and doc.leads and (doc.st == "P" or (doc.st == "L" and doc.live))


def commit(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Send the claim's batch."""
    doc, cache = _written(state, slot, w)
    checked = cache is not None and (rules.flight_cas if w.flight != NOBODY else rules.claim_batch)
    lands = w.fresh and (w.cache_fresh or not checked)
    looking = put(state, slot, Worker("look", w.request, w.message, w.fence))
    if lands:
        landed = _land(state, slot, w, doc, cache, rules)
        yield _TOLD.get(w.plan, "ends as another did"), _after(landed, slot, w, doc, rules)
    else:
        yield "lost the race", looking
    if state.transient < bounds.transient:
        spent = looking._replace(transient=state.transient + 1)
        yield "claim REFUSED", spent
        if lands:
            lost = _land(spent, slot, w, doc, cache, rules)
            yield "claim's answer LOST", lost
            if state.late is None:
                yield "claim goes LATE", spent._replace(late=Late(w.request, doc, cache, checked))


def _written(state: State, slot: int, w: Worker) -> tuple[Doc, Cache | None]:
    old = state.requests[w.request].doc
    fence = 1 if old is None else 2
    match w.plan:
        case "lead":
            return Doc("L", slot, live=True, leads=True, fence=fence), Cache(w.request)
        case "follow":
            return Doc("F", slot, leader=w.flight, fence=fence), None
    leads = old is not None and old.leads
    return Doc("T", slot, leads=leads, outcome=w.plan, answer=w.answer, own=False, fence=fence), None


def _land(state: State, slot: int, w: Worker, doc: Doc, cache: Cache | None, rules: Rules) -> State:
    written = write(state, w.request, doc, slot)
    if cache is None or (w.flight == NOBODY and not w.cache_fresh):  # without the batch: created by another
        return written
    same = not rules.flight_fence and state.cache == cache
    return write_cache(written, cache, slot, same_version=same)


def _after(state: State, slot: int, w: Worker, doc: Doc, rules: Rules) -> State:
    match doc.st:
        case "L":
            return put(state, slot, Worker("ready", w.request, CLAIMED, fresh=True))
        case "F" if rules.look_again:
            return put(state, slot, Worker("look", w.request, CLAIMED))
        case "F":
            return end(state, slot)
    return put(state, slot, _publishing(w._replace(message=CLAIMED)))


def _publishing(w: Worker) -> Worker:
    return Worker("publish", w.request, w.message, w.fence)
