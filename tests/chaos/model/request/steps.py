"""The transitions of the model: what may happen next in a state, with each fault at each step."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.request.state import IDLE, WINDOW, Bounds, Doc, Rules, State, Worker

Step = tuple[str, State]


def successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Every next state, with its name."""
    for index, worker in enumerate(state.workers):
        if worker.pc == "idle":
            yield from _receive(state, index)
        else:
            for name, after in _advance(state, index, worker, rules, bounds):
                yield f"w{index} {name}", after
            if state.fatal < bounds.fatal:
                yield f"w{index} DIES at {worker.pc}", _die(state, index, worker)
    yield from _sweeper(state, rules)
    yield from _response_processor(state, bounds)
    yield from _time_and_network(state, bounds)


def _receive(state: State, index: int) -> Iterator[Step]:
    if state.requests:
        after = _put(state, index, Worker("look", "R", owner=state.owners + 1))
        yield (
            f"w{index} gets the request",
            after._replace(requests=state.requests - 1, owners=state.owners + 1),
        )
    for fence in sorted(set(state.wakes)):
        wakes = list(state.wakes)
        wakes.remove(fence)
        after = _put(state, index, Worker("look", "W", fence, owner=state.owners + 1))
        yield f"w{index} gets wake {fence}", after._replace(wakes=tuple(wakes), owners=state.owners + 1)


def _die(state: State, index: int, worker: Worker) -> State:
    """The process is gone; its message comes again, the lease runs out in time."""
    after = _put(state, index, IDLE)._replace(
        fatal=state.fatal + 1, excused=state.excused + (worker.pc in WINDOW)
    )
    if worker.message == "R":
        return after._replace(requests=state.requests + 1)
    if worker.message == "W":  # a wake comes again too; one is enough
        return after._replace(wakes=_with(state.wakes, max(worker.fence, 1)))
    return after


def _advance(state: State, index: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    match w.pc:
        case "look":
            yield from _look(state, index, w, rules, bounds)
        case "claim":
            yield from _claim(state, index, w, rules, bounds)
        case "ready":
            yield from _check(state, index, w, rules, bounds)
        case "call":
            yield (
                "calls",
                _put(state, index, w._replace(pc="calling", answer=state.calls + 1))._replace(
                    calls=state.calls + 1
                ),
            )
            if state.throttles < bounds.throttles:
                after = _put(state, index, w._replace(pc="park", wid=state.ids + 1))
                yield "is THROTTLED", after._replace(ids=state.ids + 1, throttles=state.throttles + 1)
        case "calling":
            yield "is answered", _save_next(state, index, w)
            if w.renewals < bounds.renewals:
                yield from _renew(state, index, w, bounds)
        case "save" | "park":
            yield from _write(state, index, w, rules, bounds)
        case "relook":
            yield from _relook(state, index, w, rules)
        case "publish":
            yield "publishes", _put(state, index, IDLE)._replace(results=1)
            if state.transient < bounds.transient:
                yield "CANNOT publish", _put(state, index, IDLE)._replace(transient=state.transient + 1)


def _look(state: State, index: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Read the document and do what the lifecycle table says."""
    if not rules.ack_late:
        w = w._replace(message="")
    if state.transient < bounds.transient and w.message == "R":
        after = _put(state, index, IDLE)._replace(requests=state.requests + 1)
        yield "CANNOT read, nacks", after._replace(transient=state.transient + 1)
    doc = state.doc
    ack = _put(state, index, IDLE)
    if doc is None:
        yield "finds nothing", _send_claim(state, index, w, 1, 0) if w.message != "W" else ack
    elif doc.wid in w.sent:
        yield "finds its claim", _put(state, index, w._replace(pc="ready", fence=doc.fence, ver=doc.ver))
    elif w.message == "W" and doc.fence != w.fence:
        yield "finds another fence", ack
    elif doc.st == "T":
        yield "finds the end", ack if doc.confirmed else _put(state, index, w._replace(pc="publish"))
    elif doc.st == "L" and not doc.live:
        yield "finds an expired lease", _send_claim(state, index, w, doc.fence + 1, doc.ver)
    elif doc.st == "P" and w.message == "W":
        yield "finds it parked", _send_claim(state, index, w, doc.fence + 1, doc.ver)
    else:
        yield "finds it in hands", ack


def _send_claim(state: State, index: int, w: Worker, fence: int, ver: int) -> State:
    wid = state.ids + 1
    sending = w._replace(pc="claim", fence=fence, ver=ver, wid=wid, sent=(*w.sent, wid))
    return _put(state, index, sending)._replace(ids=wid)


def _claim(state: State, index: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    new = Doc("L", w.fence, w.owner, w.wid, _next(state), live=True)
    blind = not rules.create and w.ver == 0
    lands = _fits(state, w.ver) or blind
    again = _put(state, index, w._replace(pc="look", fence=w.fence if w.message == "R" else w.fence - 1))
    if lands:
        ready = _put(state, index, w._replace(pc="ready", ver=new.ver))
        yield "claims", ready._replace(doc=new)
    else:
        yield "lost the race", again
    if state.transient < bounds.transient:
        spent = again._replace(transient=state.transient + 1)
        yield "claim REFUSED", spent
        if lands:
            yield "claim's answer LOST", spent._replace(doc=new)
        if state.late is None:
            yield "claim goes LATE", spent._replace(late=(w.ver, new))


def _check(state: State, index: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """An earlier holder's orphan saves the call; else the lease is looked at just before the socket."""
    if state.kept:
        yield "finds an orphan", _save_next(state, index, w._replace(answer=state.kept))
        return
    if not rules.check_lease or _holds(state, w):
        yield "checks its lease", _put(state, index, w._replace(pc="call"))
        return
    yield from _renew(state, index, w, bounds)


def _renew(state: State, index: int, w: Worker, bounds: Bounds) -> Iterator[Step]:
    doc = state.doc
    if doc is None or doc.ver != w.ver:
        ours = doc is not None and (doc.st, doc.owner, doc.fence) == ("L", w.owner, w.fence)
        if ours and doc is not None:  # the sweeper touched it: the same write under the new version
            yield "adopts the version", _put(state, index, w._replace(ver=doc.ver))
        elif w.pc == "ready":
            yield "is fenced out", _put(state, index, IDLE)
        return
    renewed = doc._replace(live=True, ver=_next(state), wid=state.ids + 1)
    spent = w._replace(renewals=w.renewals + 1)
    after = _put(state, index, spent._replace(ver=renewed.ver))._replace(doc=renewed, ids=state.ids + 1)
    yield "renews", after
    if state.transient < bounds.transient:
        lost = _put(state, index, spent)._replace(ids=state.ids + 1, transient=state.transient + 1)
        yield "renewal's answer LOST", lost._replace(doc=renewed)


def _save_next(state: State, index: int, w: Worker) -> State:
    return _put(state, index, w._replace(pc="save", wid=state.ids + 1))._replace(ids=state.ids + 1)


def _write(state: State, index: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Save or park under our version; anything but a clean answer leads to another look."""
    ends = w.pc == "save"
    new = Doc("T" if ends else "P", w.fence, 0, w.wid, _next(state), answer=w.answer if ends else 0)
    done = _put(state, index, w._replace(pc="publish") if ends else IDLE)
    look = _put(state, index, w._replace(pc="relook", message=w.message + w.pc[0]))
    if _fits(state, w.ver) or not rules.fenced:
        yield f"{w.pc}s", done._replace(doc=new)
        if state.transient < bounds.transient:
            yield f"{w.pc}'s answer LOST", look._replace(doc=new, transient=state.transient + 1)
    else:
        yield f"{w.pc} finds another version", look
    if state.transient < bounds.transient:
        yield f"{w.pc} REFUSED", look._replace(transient=state.transient + 1)
        if state.late is None:
            yield f"{w.pc} goes LATE", look._replace(late=(w.ver, new), transient=state.transient + 1)


def _relook(state: State, index: int, w: Worker, rules: Rules) -> Iterator[Step]:
    """§3.2: our id is there: it succeeded; still ours: the same write again; else fenced out."""
    doc, message, ends = state.doc, w.message[:-1], w.message.endswith("s")
    done = _put(state, index, w._replace(pc="publish", message=message) if ends else IDLE)
    ours = doc is not None and (doc.st, doc.owner, doc.fence) == ("L", w.owner, w.fence)
    if doc is not None and doc.wid == w.wid:
        yield "finds its write", done
    elif ours and not rules.write_ids:
        yield "takes its lease for its write", done
    elif ours and doc is not None:
        again = w._replace(pc="save" if ends else "park", ver=doc.ver, message=message)
        yield "sends it again", _put(state, index, again)
    else:
        yield "is fenced out", _put(state, index, IDLE)._replace(kept=w.answer or state.kept)


def _sweeper(state: State, rules: Rules) -> Iterator[Step]:
    doc = state.doc
    if state.sweeping:
        woken = state._replace(sweeping=0, wakes=_with(state.wakes, state.sweeping))
        yield "sweeper wakes", woken
    elif doc is not None and not any(fence == doc.fence for fence in state.wakes):
        unfinished = rules.sweep_open and (doc.st == "P" or (doc.st == "L" and not doc.live))
        if unfinished or (rules.outbox and doc.st == "T" and not doc.confirmed):
            moved = doc._replace(ver=_next(state))
            yield "sweeper moves due_at", state._replace(doc=moved, sweeping=doc.fence)


def _response_processor(state: State, bounds: Bounds) -> Iterator[Step]:
    if not state.results:
        return
    doc, fewer = state.doc, state._replace(results=state.results - 1)
    if doc is not None and doc.st == "T" and not doc.confirmed:
        done = doc._replace(confirmed=True, ver=_next(state))
        yield "confirmed", fewer._replace(doc=done)
        if state.transient < bounds.transient:
            yield "confirmation's answer LOST", state._replace(doc=done, transient=state.transient + 1)
    else:
        yield "nothing to confirm", fewer


def _time_and_network(state: State, bounds: Bounds) -> Iterator[Step]:
    doc = state.doc
    if doc is not None and doc.st == "L" and doc.live:
        holders = [w for w in state.workers if w.owner == doc.owner and w.pc not in ("look", "claim")]
        expired = state._replace(doc=doc._replace(live=False))
        if not holders:
            yield "the lease runs out", expired
        elif state.fatal < bounds.fatal:
            excused = state.excused + (holders[0].pc in WINDOW)
            yield "PAUSE past the lease", expired._replace(fatal=state.fatal + 1, excused=excused)
    if state.late is not None:
        base, new = state.late
        landed = state._replace(late=None)
        if _fits(state, base):
            yield "a late write lands", landed._replace(doc=new._replace(ver=_next(state)))
        else:
            yield "a late write is refused", landed
    if state.copies < bounds.copies and state.requests < 2:
        yield "DUPLICATE delivery", state._replace(requests=state.requests + 1, copies=state.copies + 1)


def _holds(state: State, w: Worker) -> bool:
    doc = state.doc
    return doc is not None and doc.live and (doc.st, doc.owner, doc.fence) == ("L", w.owner, w.fence)


def _fits(state: State, base: int) -> bool:
    """Whether a write that expects version `base` (0: no document) would land."""
    return base == (state.doc.ver if state.doc is not None else 0)


def _next(state: State) -> int:
    """A version that nobody has seen."""
    seen = [w.ver for w in state.workers] + [state.late[0] if state.late else 0]
    return max(*seen, state.doc.ver if state.doc is not None else 0) + 1


def _with(wakes: tuple[int, ...], fence: int) -> tuple[int, ...]:
    return wakes if fence in wakes else tuple(sorted((*wakes, fence)))


def _put(state: State, index: int, worker: Worker) -> State:
    workers = list(state.workers)
    workers[index] = worker
    return state._replace(workers=tuple(workers))
