"""The transitions of the single-flight model, with each fault at each step."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.flight import claim
from tests.chaos.model.flight.state import (
    ANSWER,
    ELSEWHERE,
    FAILURE,
    NOBODY,
    REFUSAL,
    Bounds,
    Cache,
    Doc,
    Late,
    Rules,
    State,
    Worker,
)
from tests.chaos.model.flight.writes import again, end, put, with_request, write, write_cache

Step = tuple[str, State]

#: Where a death or a pause may cost a call: from the last look at the lease to the saved result.
_WINDOW = frozenset({"call", "save", "save relook"})

#: What may come of a call besides an answer.
_TROUBLES = (
    ("calls, and is REJECTED", REFUSAL),
    ("calls, and FAILS for good", FAILURE),
    ("calls, and is answered by the OTHER target", ELSEWHERE),
)


def successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every next state, with its name."""
    for slot, worker in enumerate(state.workers):
        if worker.pc == "idle":
            yield from _receive(state, slot)
            continue
        for name, after in _advance(state, slot, worker, rules, bounds):
            yield f"w{slot} (q{worker.request}) {name}", after
        if state.fatal < bounds.fatal:
            yield f"w{slot} (q{worker.request}) DIES at {worker.pc}", _die(state, slot, worker)
    for index in range(len(state.requests)):
        yield from _around(state, index, rules, bounds)
    if state.late is not None:
        yield "a late write lands", _land_late(state, state.late)


def _receive(state: State, slot: int) -> Iterator[Step]:
    for index, r in enumerate(state.requests):
        if r.deliveries:
            fewer = with_request(state, index, r._replace(deliveries=r.deliveries - 1))
            yield f"w{slot} gets q{index}", claim.arrive(fewer, slot, index, "R")
        if r.wake:
            fewer = with_request(state, index, r._replace(wake=0))
            yield f"w{slot} gets q{index}'s wake", claim.arrive(fewer, slot, index, "W")


def _die(state: State, slot: int, w: Worker) -> State:
    """The process is gone; its message comes again, the lease runs out in time."""
    return _excused(again(state, slot, w)._replace(fatal=state.fatal + 1), w)


def _excused(state: State, w: Worker) -> State:
    r = state.requests[w.request]
    return with_request(state, w.request, r._replace(excused=r.excused + (w.pc in _WINDOW)))


def _advance(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    match w.pc:
        case "look":
            yield from claim.look(state, slot, w, rules, bounds)
        case "others":
            yield from claim.read_others(state, slot, w, rules)
        case "commit":
            yield from claim.commit(state, slot, w, rules, bounds)
        case "ready":
            yield from _check(state, slot, w, rules, bounds)
        case "call":
            yield from _call(state, slot, w, bounds)
        case "save" | "park":
            yield from _write(state, slot, w, rules, bounds)
        case "save relook" | "park relook":
            yield from _relook(state, slot, w)
        case "cache":
            answered = write_cache(state, Cache(NOBODY, w.answer))
            yield "writes the cache", put(answered, slot, Worker("publish", w.request, w.message, w.fence))
        case "publish":
            r = state.requests[w.request]
            yield "publishes", end(with_request(state, w.request, r._replace(result=True)), slot)
            if state.transient < bounds.transient:
                yield "CANNOT publish", end(state, slot)._replace(transient=state.transient + 1)


def _check(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """An earlier holder's orphan saves the call; else the lease is looked at just before the socket."""
    r = state.requests[w.request]
    if r.kept:  # it is nobody's but ours: neither cached nor shared
        yield "finds an orphan", put(state, slot, w._replace(pc="save", plan=ELSEWHERE, answer=r.kept))
    elif r.doc is not None and r.doc.live and r.doc.writer == slot:
        yield "checks its lease", put(state, slot, w._replace(pc="call"))
    elif r.doc is not None and r.doc.writer == slot and rules.sleeper_parks:
        yield "finds its lease over", put(state, slot, w._replace(pc="park"))
    else:
        yield from _renew(state, slot, w, bounds)


def _renew(state: State, slot: int, w: Worker, bounds: Bounds) -> Iterator[Step]:
    doc = state.requests[w.request].doc
    if doc is None or doc.writer != slot:
        if w.pc == "ready":
            yield "is fenced out", end(state, slot)
        return
    if not w.fresh:  # the sweeper touched it: the same write under the new version
        yield "adopts the version", put(state, slot, w._replace(fresh=True))
        return
    spent = put(state, slot, w._replace(renewals=w.renewals + (w.pc == "save")))
    renewed = write(spent, w.request, doc._replace(live=True), slot)
    yield "renews", renewed
    if state.transient < bounds.transient:
        stale = put(renewed, slot, renewed.workers[slot]._replace(fresh=False))
        yield "renewal's answer LOST", stale._replace(transient=state.transient + 1)


def _call(state: State, slot: int, w: Worker, bounds: Bounds) -> Iterator[Step]:
    """What comes of the call is settled with it: nobody can tell until it is saved."""
    if state.throttles < bounds.throttles:
        parking = put(state, slot, w._replace(pc="park"))
        yield "is THROTTLED", parking._replace(throttles=state.throttles + 1)
    r, number = state.requests[w.request], state.calls + 1
    called = with_request(state, w.request, r._replace(calls=r.calls + 1))._replace(calls=number)
    answered = w._replace(pc="save", plan=ANSWER, answer=number)
    yield "calls, and is answered", put(called, slot, answered)
    if state.troubles < bounds.troubles:
        for name, outcome in _TROUBLES:
            answer = number if outcome == ELSEWHERE else 0
            troubled = put(called, slot, answered._replace(plan=outcome, answer=answer))
            yield name, troubled._replace(troubles=state.troubles + 1)


def _write(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Save or park under our version; anything but a clean answer leads to another look."""
    if w.pc == "save" and w.renewals < bounds.renewals:  # behind the call, before its answer
        yield from _renew(state, slot, w, bounds)
    relook = put(state, slot, w._replace(pc=f"{w.pc} relook"))
    if w.fresh:
        landed = _land(state, slot, w, rules)
        yield f"{w.pc}s", _written(landed, slot, w, rules)
    else:
        yield f"{w.pc} finds another version", relook
    if state.transient < bounds.transient:
        spent = relook._replace(transient=state.transient + 1)
        yield f"{w.pc} REFUSED", spent
        if w.fresh:
            yield f"{w.pc}'s answer LOST", _land(spent, slot, w, rules)
            if state.late is None:
                late = Late(w.request, _outcome(slot, w), _beside(w) if rules.save_batch else None)
                yield f"{w.pc} goes LATE", spent._replace(late=late)


def _outcome(slot: int, w: Worker) -> Doc:
    if w.pc.startswith("park"):
        return Doc("P", slot, leads=True)
    return Doc("T", slot, leads=True, outcome=w.plan, answer=w.answer)


def _beside(w: Worker) -> Cache | None:
    """The cache document that is saved with an answer: whatever was there, and nobody flies any more."""
    return Cache(NOBODY, w.answer) if w.plan == ANSWER else None


def _land(state: State, slot: int, w: Worker, rules: Rules) -> State:
    saved = write(state, w.request, _outcome(slot, w), slot)
    cache = _beside(w)
    return write_cache(saved, cache) if cache is not None and rules.save_batch else saved


def _written(state: State, slot: int, w: Worker, rules: Rules) -> State:
    """The write is known to have landed."""
    if w.pc.startswith("park"):
        return end(state, slot)
    if w.plan == ANSWER and not rules.save_batch:
        return put(state, slot, Worker("cache", w.request, w.message, w.fence, answer=w.answer))
    return put(state, slot, Worker("publish", w.request, w.message, w.fence))


def _relook(state: State, slot: int, w: Worker) -> Iterator[Step]:
    """§3.2: our id is there: it succeeded; still ours: the same write again; else fenced out."""
    r, base = state.requests[w.request], w.pc.removesuffix(" relook")
    if r.doc is not None and r.doc.writer == slot and r.doc.st != "L":
        done = end(state, slot) if base == "park" else put(
            state, slot, Worker("publish", w.request, w.message, w.fence)
        )  # fmt: skip
        yield "finds its write", done
    elif r.doc is not None and r.doc.writer == slot:
        yield "sends it again", put(state, slot, w._replace(pc=base, fresh=True))
    else:
        kept = r._replace(kept=w.answer if base == "save" and w.answer else r.kept)
        yield "is fenced out", end(with_request(state, w.request, kept), slot)


def _around(state: State, index: int, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Sweeper, response_processor, time and network, about one request."""
    r, doc = state.requests[index], state.requests[index].doc
    if doc is not None:
        yield from _sweep(state, index, doc, rules)
        if doc.st == "L" and doc.live:
            yield from _expire(state, index, doc, bounds)
    if r.result and doc is not None:
        yield from _respond(state, index, doc, rules, bounds)
    if state.copies < bounds.copies and r.deliveries < 2:
        copied = with_request(state, index, r._replace(deliveries=r.deliveries + 1))
        yield f"DUPLICATE delivery of q{index}", copied._replace(copies=state.copies + 1)


def _sweep(state: State, index: int, doc: Doc, rules: Rules) -> Iterator[Step]:
    """A result is published again only when nothing else is under way with it: what repeats do is the
    one-request model's affair."""
    r = state.requests[index]
    quiet = not r.result and all(w.request != index or w.pc == "idle" for w in state.workers)
    due = (
        doc.st == "P"
        or (doc.st == "F" and rules.follow_clock)
        or (doc.st == "L" and not doc.live)
        or (doc.st == "T" and not doc.confirmed and quiet)
    )
    if due and not r.wake:
        moved = write(state, index, doc)
        yield f"sweeper wakes q{index}", _wake(moved, index)


def _wake(state: State, index: int) -> State:
    return with_request(state, index, state.requests[index]._replace(wake=1))


def _expire(state: State, index: int, doc: Doc, bounds: Bounds) -> Iterator[Step]:
    expired = with_request(state, index, state.requests[index]._replace(doc=doc._replace(live=False)))
    if doc.writer == NOBODY:
        yield f"q{index}'s lease runs out", expired
    elif state.fatal < bounds.fatal:
        holder = state.workers[doc.writer]
        spent = expired._replace(fatal=state.fatal + 1)
        yield f"w{doc.writer} (q{index}) PAUSE past the lease at {holder.pc}", _excused(spent, holder)


def _respond(state: State, index: int, doc: Doc, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Confirm, then wake the followers; the message is acked only after both."""
    r = state.requests[index]
    if not doc.confirmed:
        done = write(state, index, doc._replace(confirmed=True))
        yield f"q{index} is confirmed", done
        return
    acked = with_request(state, index, r._replace(result=False))
    if doc.leads and rules.wake_followers:
        for other, follower in enumerate(state.requests):
            if follower.doc is not None and follower.doc.st == "F":
                acked = _wake(acked, other)
    yield f"q{index}'s followers are woken", acked


def _land_late(state: State, late: Late) -> State:
    landed = write(state._replace(late=None), late.request, late.doc, late.doc.writer)
    # Its writer does not know that it landed, and looks before it writes again.
    if late.doc.writer != NOBODY:
        landed = put(landed, late.doc.writer, landed.workers[late.doc.writer]._replace(fresh=False))
    return landed if late.cache is None else write_cache(landed, late.cache)
