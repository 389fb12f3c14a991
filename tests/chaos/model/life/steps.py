"""The transitions of a request's lives, with each fault at each step."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.life import claim
from tests.chaos.model.life.state import (
    EXHAUSTED,
    INTERNAL,
    LAST_TARGET,
    MAX_TRIES,
    NOBODY,
    OVERDUE,
    REJECTED,
    Bounds,
    Doc,
    Late,
    Rules,
    State,
    Worker,
    again,
    change_life,
    end,
    put,
    write,
)

Step = tuple[str, State]


def successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every next state, with its name."""
    for slot, worker in enumerate(state.workers):
        if worker.pc == "idle":
            yield from _receive(state, slot)
            continue
        for name, after in _advance(state, slot, worker, rules, bounds):
            yield f"w{slot} {name}", after
        if state.fatal < bounds.fatal:
            died = again(_excused(state, worker), slot, worker)
            yield f"w{slot} DIES at {worker.pc}", died._replace(fatal=state.fatal + 1)
    yield from _operator(state, bounds)
    for count, life in enumerate(state.lives):
        if life.result:
            yield from _respond(state, count, rules, bounds)
    if state.doc is not None:
        yield from _sweep(state, state.doc)
        if state.doc.live:
            yield from _expire(state, state.doc, bounds)
    if state.late is not None:
        yield "a late write lands", _land_late(state, state.late)


def _receive(state: State, slot: int) -> Iterator[Step]:
    if state.deliveries:
        fewer = state._replace(deliveries=state.deliveries - 1)
        yield f"w{slot} gets the request", put(fewer, slot, Worker("look", "R"))
    if state.wake:
        fewer = state._replace(wake=0)
        yield f"w{slot} gets the wake", put(fewer, slot, Worker("look", "W", fence=state.wake))
    for count, life in enumerate(state.lives):
        if life.redrives:
            fewer = change_life(state, count, redrives=life.redrives - 1)
            yield f"w{slot} gets redrive {count}", put(fewer, slot, Worker("look", "D", asks=count))


def _excused(state: State, w: Worker) -> State:
    """A death or a pause here may cost a call: from the last look at the lease to the saved result."""
    answered = w.pc in ("save", "save relook") and (w.result > 0 or w.result == REJECTED)
    excused = state.lives[w.life].excused + (w.pc == "call" or answered)
    return change_life(state, w.life, excused=excused)


def _advance(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    match w.pc:
        case "look":
            yield from claim.look(state, slot, w, rules, bounds)
        case "commit":
            yield from claim.commit(state, slot, w, rules, bounds)
        case "ready":
            yield from _check(state, slot, w, rules, bounds)
        case "call":
            yield from _call(state, slot, w, rules, bounds)
        case "save" | "park" | "ledger":
            yield from _write(state, slot, w, rules, bounds)
        case "save relook" | "park relook" | "ledger relook":
            yield from _relook(state, slot, w, rules)
        case "letter" | "publish":
            yield from _publish(state, slot, w, rules, bounds)


def _check(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """An orphan saves the call; some requests end here; else the lease is looked at before the socket."""
    doc, kept = state.doc, state.lives[w.life].kept
    if kept:
        yield "finds an orphan", put(state, slot, w._replace(pc="save", result=kept))
        return
    if w.doomed and rules.takeovers_end:
        yield "gives up", put(state, slot, w._replace(pc="save", result=INTERNAL))
        return
    if state.troubles < bounds.troubles:
        late = put(state, slot, w._replace(pc="save", result=OVERDUE))
        yield "is OVERDUE", late._replace(troubles=state.troubles + 1)
    if doc is None or doc.writer != slot:
        yield "is fenced out", end(state, slot)
    elif doc.live:
        yield "checks its lease", put(state, slot, w._replace(pc="call"))
    elif not w.fresh:  # the sweeper touched it: the same write under the new version
        yield "adopts the version", put(state, slot, w._replace(fresh=True))
    else:
        yield "renews", write(state, doc._replace(live=True), slot)


def _call(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """What comes of the call is settled with it: nobody can tell until it is written."""
    if state.throttles < bounds.throttles:
        spent = state._replace(throttles=state.throttles + 1)
        tries = w.tries + (not rules.unpaid_free)
        for name, worker in _after_failure(w._replace(tries=tries), rules, paid=False):
            yield f"is THROTTLED, {name}", put(spent, slot, worker)
        for name, worker in _at_rest(w._replace(idle=True)):
            yield f"finds its target AT REST, {name}", put(spent, slot, worker)
    life, number = state.lives[w.life], sum(life.calls for life in state.lives) + 1
    called = change_life(state, w.life, calls=life.calls + 1)._replace(spare=state.spare - 1)
    yield "is answered", put(called, slot, w._replace(pc="save", result=number, bought=True))
    if state.troubles < bounds.troubles:
        spent = called._replace(troubles=state.troubles + 1)
        yield "is REJECTED", put(spent, slot, w._replace(pc="save", result=REJECTED))
        blurred = change_life(spent, w.life, excused=life.excused + 1, ambiguous=life.ambiguous + 1)
        for name, worker in _after_failure(w._replace(tries=w.tries + 1), rules, paid=True):
            yield f"TIMES OUT, {name}", put(blurred, slot, worker)


def _at_rest(w: Worker) -> Iterator[tuple[str, Worker]]:
    """functions/penstock/targets/retry.py, `decide`, where `resting`: nobody was asked, and nobody waits."""
    if w.target < LAST_TARGET:
        yield "asks the next target", w._replace(pc="ledger", target=w.target + 1)
    else:
        yield "is put aside", w._replace(pc="park", target=0)


def _after_failure(w: Worker, rules: Rules, *, paid: bool) -> Iterator[tuple[str, Worker]]:
    """functions/penstock/targets/retry.py, `decide`."""
    if w.tries >= MAX_TRIES and rules.tries_end:
        yield "gives up", w._replace(pc="save", result=EXHAUSTED)
        return
    next_try = "ledger" if rules.ledger_first else "ready"
    if w.target < LAST_TARGET:
        yield "asks the next target", w._replace(pc=next_try, target=w.target + 1)
        return
    yield "is put aside", w._replace(pc="park", target=0)
    # The line of an unpaid call still stands.
    yield "asks again", w._replace(pc=next_try if paid else "ready")


def _write(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Save, park or open the next line under our version; anything but a clean answer: look again."""
    relook = put(state, slot, w._replace(pc=f"{w.pc} relook"))
    if w.fresh:
        yield f"{w.pc} is written", _written(_land(state, slot, w, rules), slot, w, rules)
    else:
        yield f"{w.pc} finds another version", relook
    if state.transient < bounds.transient:
        spent = relook._replace(transient=state.transient + 1)
        yield f"{w.pc} REFUSED", spent
        if w.fresh and state.doc is not None:
            yield f"{w.pc}'s answer LOST", _land(spent, slot, w, rules)
            if state.late is None:
                doc, lines = _next(state.doc, slot, w)
                yield f"{w.pc} goes LATE", spent._replace(late=Late(doc, lines))


def _next(doc: Doc, slot: int, w: Worker) -> tuple[Doc, int]:
    """The document that the holder writes, and the lines that this adds to its ledger."""
    match w.pc.split()[0]:
        case "save":
            not_called = w.result in (INTERNAL, OVERDUE)
            return doc._replace(st="T", writer=slot, live=False, result=w.result), -not_called
        case "park":
            parked = doc._replace(
                st="P", writer=slot, live=False, tries=w.tries, target=0, takeovers=0
            )  # fmt: skip
            return parked, -w.idle
    return doc._replace(writer=slot, tries=w.tries, target=w.target), 1 - w.idle


def _land(state: State, slot: int, w: Worker, rules: Rules) -> State:
    if state.doc is None:
        return state
    doc, lines = _next(state.doc, slot, w)
    key = w.target if rules.key_of_answerer else 0
    miskeyed = state.miskeyed or (w.pc.startswith("save") and w.bought and key != w.target)
    return write(state, doc, slot, lines)._replace(miskeyed=miskeyed)


def _written(state: State, slot: int, w: Worker, rules: Rules) -> State:
    """The write is known to have landed."""
    match w.pc.split()[0]:
        case "save" if state.doc is not None:
            return put(state, slot, claim.delivering(w, state.doc, rules))
        case "ledger":
            return put(state, slot, w._replace(pc="ready", fresh=True, idle=False))
    return end(state, slot)


def _relook(state: State, slot: int, w: Worker, rules: Rules) -> Iterator[Step]:
    """§3.2: our id is there: it succeeded; still ours: the same write again; else fenced out."""
    doc, base = state.doc, w.pc.split()[0]
    if doc is None or doc.writer != slot:
        kept = w.result if base == "save" and w.result > 0 else state.lives[w.life].kept
        yield "is fenced out", end(change_life(state, w.life, kept=kept), slot)
    elif _holds(doc, w, base):
        yield "finds its write", _written(state, slot, w, rules)
    else:
        yield "sends it again", put(state, slot, w._replace(pc=base, fresh=True))


def _holds(doc: Doc, w: Worker, base: str) -> bool:
    """Whether the document, last written by us, holds the write that we are not sure of."""
    if base == "ledger":
        return (doc.tries, doc.target) == (w.tries, w.target)
    return doc.st != "L"


def _publish(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    if w.pc == "letter":
        out = change_life(state, w.life, letter=True)
        is_last = not rules.letter_first
        done = _acked(out, slot, w) if is_last else put(out, slot, w._replace(pc="publish"))
        yield "publishes the dead letter", done
    else:
        out = change_life(state, w.life, sent=True, result=True)
        letter_follows = w.result < 0 and not rules.letter_first
        done = put(out, slot, w._replace(pc="letter")) if letter_follows else _acked(out, slot, w)
        yield "publishes", done
    if state.transient < bounds.transient:
        failed = _acked(state, slot, w)
        yield f"CANNOT publish the {w.pc}", failed._replace(transient=state.transient + 1)


def _acked(state: State, slot: int, w: Worker) -> State:
    """The delivery is over; an early redrive is nacked."""
    return again(state, slot, w) if w.returns else end(state, slot)


def _operator(state: State, bounds: Bounds) -> Iterator[Step]:
    """A dead letter that is out may be redriven, under the count after its own."""
    if state.asked < bounds.redrives and state.lives[state.asked].letter:
        count = state.asked + 1
        asked = change_life(state, count, redrives=state.lives[count].redrives + 1)
        yield f"redrive {count} is ordered", asked._replace(asked=count)
    if state.copies < bounds.copies and state.asked:
        for count in range(1, state.asked + 1):
            copied = change_life(state, count, redrives=state.lives[count].redrives + 1)
            yield f"DUPLICATE redrive {count}", copied._replace(copies=state.copies + 1)


def _respond(state: State, count: int, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    doc, taken = state.doc, change_life(state, count, result=False)
    if doc is None or doc.st != "T" or doc.confirmed or (doc.life != count and rules.confirm_by_count):
        yield f"result {count} confirms nothing", taken
        return
    confirmed = doc._replace(confirmed=True)
    yield f"result {count} is confirmed", write(taken, confirmed)
    if state.transient < bounds.transient:
        lost = write(state, confirmed)._replace(transient=state.transient + 1)
        yield f"confirmation {count}'s answer LOST", lost


def _sweep(state: State, doc: Doc) -> Iterator[Step]:
    due = doc.st == "P" or (doc.st == "L" and not doc.live) or (doc.st == "T" and not doc.confirmed)
    if due and not state.wake:
        yield "sweeper wakes", write(state, doc)._replace(wake=doc.fence)


def _expire(state: State, doc: Doc, bounds: Bounds) -> Iterator[Step]:
    expired = state._replace(doc=doc._replace(live=False))
    if doc.writer == NOBODY:
        yield "the lease runs out", expired
    elif state.fatal < bounds.fatal:
        holder = state.workers[doc.writer]
        paused = _excused(expired, holder)._replace(fatal=state.fatal + 1)
        yield f"w{doc.writer} PAUSE past the lease at {holder.pc}", paused


def _land_late(state: State, late: Late) -> State:
    # Its writer does not know that it landed, and looks before it writes again.
    return write(state, late.doc, lines=late.lines)
