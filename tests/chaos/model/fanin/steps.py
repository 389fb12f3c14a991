"""What can happen next: requests, results, wakes of pages and of the run, the sweep, faults."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.fanin.state import COMPLETED, FAILED, OPEN, Bounds, Member, Rows, Rules, State, Worker

Step = tuple[str, State]
_MOST = 2


def successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for index, member in enumerate(state.members):
        yield from _member(state, index, member, bounds)
    if rules.sweep and not state.nexts:
        yield from _sweep(state, bounds)
    for slot, worker in enumerate(state.workers):
        if worker.pc == "idle":
            yield from _taken(state, slot, bounds)
        else:
            yield from _working(state, slot, worker, rules, bounds)


def first(bounds: Bounds) -> State:
    count = bounds.pages * bounds.members
    return State((Member(),) * count, (None,) * bounds.pages, (False,) * bounds.pages)


def _member(state: State, index: int, m: Member, bounds: Bounds) -> Iterator[Step]:
    """A request is asked, claimed, and ends; by the operator it is asked once more."""
    if m.st == "a" and not m.asked and m.link == 0:
        yield "emits", _put(state, index, m._replace(asked=1))
    if m.asked:
        left = m._replace(asked=m.asked - 1)
        if m.st == "a":
            yield "claims", _put(state, index, left._replace(st="o"))
        elif m.st == "t":
            yield "answers again", _put(state, index, left._replace(answered=min(_MOST, m.answered + 1)))
        else:
            yield "acks", _put(state, index, left)
        if state.copies < bounds.copies:
            twice = m._replace(asked=min(_MOST, m.asked + 1))
            yield "request comes TWICE", _put(state, index, twice)._replace(copies=state.copies + 1)
        if state.drops < bounds.drops:
            yield "request is LOST", _put(state, index, left)._replace(drops=state.drops + 1)
    if m.st == "o":
        for outcome in (COMPLETED, FAILED):
            ended = m._replace(st="t", outcome=outcome, answered=min(_MOST, m.answered + 1))
            yield f"ends {outcome}", _put(state, index, ended)
    if m.st == "t" and not m.confirmed and not m.answered:
        yield "sweeper publishes the result", _put(state, index, m._replace(answered=1))
    if m.outcome == FAILED and m.confirmed and state.redrives < bounds.redrives:
        reopened = m._replace(st="o", outcome=OPEN, confirmed=False, done=False)
        yield "REDRIVEN", _put(state, index, reopened)._replace(redrives=state.redrives + 1)
    if m.woken:
        yield "publishes the next link", _put(state, index, _next_link(m._replace(woken=False), bounds))
        if state.drops < bounds.drops:
            lost = _put(state, index, m._replace(woken=False))
            yield "wake of a link is LOST", lost._replace(drops=state.drops + 1)


def _next_link(m: Member, bounds: Bounds) -> Member:
    if m.outcome == COMPLETED and m.confirmed and m.link + 1 < bounds.links:
        return Member(link=m.link + 1, asked=1)
    return m


def _sweep(state: State, bounds: Bounds) -> Iterator[Step]:
    """The run has waited in vain: its pages look, and publish what nobody has seen."""
    for page, rows in enumerate(state.pages):
        if rows is None and not state.looks[page]:
            yield "sweep looks", _look(state, page)
    if None not in state.pages and not state.run:
        yield "sweep wakes the run", state._replace(run=True)
    for index, m in enumerate(state.members):
        if state.pages[index // bounds.members] is not None:
            continue
        if m.st == "a" and not m.asked:
            yield "sweep publishes", _put(state, index, m._replace(asked=1))
        if (following := _next_link(m, bounds)) != m:
            yield "sweep publishes a link", _put(state, index, following)


def _taken(state: State, slot: int, bounds: Bounds) -> Iterator[Step]:
    """A delivery begins."""
    for index, m in enumerate(state.members):
        if m.answered:
            left = _put(state, index, m._replace(answered=m.answered - 1))
            yield "takes a result", _work(left, slot, Worker("confirm", index))
    for page, woken in enumerate(state.looks):
        if woken:
            left = state._replace(looks=_set(state.looks, page, value=False))
            yield "takes a wake", _work(left, slot, Worker("look", page))
            if state.drops < bounds.drops:
                yield "wake is LOST", left._replace(drops=state.drops + 1)
    if state.run:
        yield "takes the run's wake", _work(state._replace(run=False), slot, Worker("advance"))


def _working(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    if state.crashes < bounds.crashes:
        yield "DIES", _died(state, slot, w)._replace(crashes=state.crashes + 1)
    match w.pc:
        case "confirm":
            yield _confirm(state, slot, w, rules, bounds)
        case "tell":
            yield "tells", _idle(_tell(state, w.at, bounds), slot)
        case "look":
            yield _count(state, slot, w, bounds)
        case "read":
            yield _read(state, slot, w, rules, bounds)
        case "close":
            yield _close(state, slot, w, rules)
        case "advance":
            yield from _advance(state, slot)
        case "push":
            yield _push(state, slot, rules, bounds)


def _died(state: State, slot: int, w: Worker) -> State:
    """A result is delivered again; a wake is not waited for."""
    idle = _idle(state, slot)
    if w.pc not in ("confirm", "tell"):
        return idle._replace(lost_looks=1)
    m = state.members[w.at]
    return _put(idle, w.at, m._replace(answered=min(_MOST, m.answered + 1)))


def _confirm(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Step:
    m = state.members[w.at]
    if m.st != "t":
        return "finds an old result", _idle(state, slot)
    if m.confirmed:
        after = Worker("tell", w.at) if rules.always_tell else Worker()
        return "finds it confirmed", _work(state, slot, after)
    over = m.outcome == FAILED or m.link + 1 == bounds.links
    confirmed = _put(state, w.at, m._replace(confirmed=True, done=over))
    return "confirms", _work(confirmed, slot, Worker("tell", w.at))


def _tell(state: State, index: int, bounds: Bounds) -> State:
    m = state.members[index]
    if m.outcome == COMPLETED and m.link + 1 < bounds.links:
        return _put(state, index, m._replace(woken=True))
    return _look(state, index // bounds.members)


def _count(state: State, slot: int, w: Worker, bounds: Bounds) -> Step:
    if state.pages[w.at] is not None:
        return "finds it closed", _idle(state._replace(run=True), slot)
    if all(m.done for m in _of(state, w.at, bounds)):
        return "counts all", _work(state, slot, Worker("read", w.at))
    return "counts fewer", _idle(state, slot)


def _read(state: State, slot: int, w: Worker, rules: Rules, bounds: Bounds) -> Step:
    rows = _rows(state, w.at, bounds)
    if rules.check_members and OPEN in rows:
        return "reads one that has not ended", _idle(state, slot)
    return "reads", _work(state, slot, Worker("close", w.at, rows))


def _close(state: State, slot: int, w: Worker, rules: Rules) -> Step:
    told = _idle(state._replace(run=True), slot)
    if state.pages[w.at] is not None and rules.first_close:
        return "comes second", told
    pages = list(state.pages)
    pages[w.at] = w.rows
    return "closes", told._replace(pages=tuple(pages))


def _advance(state: State, slot: int) -> Iterator[Step]:
    if None in state.pages:
        yield "waits for pages", _idle(state, slot)
        return
    closed = tuple(rows for rows in state.pages if rows is not None)
    frozen = state.stage if state.stage is not None else closed
    yield "freezes the step", _work(state._replace(stage=frozen), slot, Worker("push"))


def _push(state: State, slot: int, rules: Rules, bounds: Bounds) -> Step:
    read = tuple(_rows(state, page, bounds) for page in range(bounds.pages))
    made = state.stage if rules.frozen and state.stage is not None else read
    return "goes on", _idle(state._replace(nexts=state.nexts | {made}), slot)


def _of(state: State, page: int, bounds: Bounds) -> tuple[Member, ...]:
    return state.members[page * bounds.members : (page + 1) * bounds.members]


def _rows(state: State, page: int, bounds: Bounds) -> Rows:
    return tuple(m.outcome if m.st == "t" else OPEN for m in _of(state, page, bounds))


def _put(state: State, index: int, member: Member) -> State:
    return state._replace(members=(*state.members[:index], member, *state.members[index + 1 :]))


def _look(state: State, page: int) -> State:
    return state._replace(looks=_set(state.looks, page, value=True))


def _set(flags: tuple[bool, ...], at: int, *, value: bool) -> tuple[bool, ...]:
    return (*flags[:at], value, *flags[at + 1 :])


def _work(state: State, slot: int, worker: Worker) -> State:
    other = state.workers[1 - slot]
    return state._replace(workers=(worker, other) if slot == 0 else (other, worker))


def _idle(state: State, slot: int) -> State:
    return _work(state, slot, Worker())
