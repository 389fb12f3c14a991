"""request_handler in the model of batches: claims, plans, asks at once; the events that reach a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.model.batch.rules import BESIDE, IGNORED, PAUSED, UNREAD, Rules
from tests.chaos.model.batch.state import (
    MEMBERS,
    Bounds,
    Handler,
    Member,
    State,
    Step,
    has,
    more,
    put,
    spend,
    uncollected,
    wrong,
)


def events(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """What comes from outside."""
    for i in MEMBERS:
        m = state.members[i]
        if m.st == "T" and not m.confirmed:
            yield "confirmed", put(state, i, confirmed=True)
        if state.left.overdue and has(state.up, i) and not has(state.over, i) and m.st != "T":
            yield "DEADLINE", spend(state, "overdue")._replace(over=state.over | 1 << i)
        if not rules.acks and m.st == "S" and state.handler.pc == "-":
            yield "DELIVERED AGAIN", _claim(put(state, i, batch=-1), i, looks=False)
    if state.left.esc and state.up != 3:
        yield from _times_up(state, bounds)
    if state.left.pause and not state.paused:
        yield "OPERATOR PAUSES", spend(state, "pause")._replace(paused=True)
    if state.paused:
        yield "operator resumes", state._replace(paused=False)


def _times_up(state: State, bounds: Bounds) -> Iterator[Step]:
    if not bounds.follows:
        yield "TIME IS UP", spend(state, "esc")._replace(up=3)
        return
    for i in MEMBERS:
        if not has(state.up, i):
            yield f"TIME IS UP of {i}", spend(state, "esc")._replace(up=state.up | 1 << i)


def handler(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    if state.handler.pc == "-":
        for i in MEMBERS:
            yield from _claims(state, i, rules, bounds)
        return
    yield from _holding(state, rules, bounds)
    if state.left.crash:
        dead = spend(state, "crash")._replace(handler=Handler())
        i, pc = state.handler.member, state.handler.pc
        if pc in ("call", "save"):
            dead = put(dead, i, spare=more(dead.members[i].spare))
        yield f"HANDLER DIES at {pc}", dead


def _claim(state: State, i: int, *, looks: bool) -> State:
    seen = _any_orphan(state.members[i])
    return put(state, i, st="L")._replace(handler=Handler("look", i, seen, looks))


def _any_orphan(m: Member) -> bool:
    return bool(m.orphans & ((2 << m.lives) - 1))


def _own_orphan(m: Member, rules: Rules) -> bool:
    return _any_orphan(m) if rules.earlier else has(m.orphans, m.lives)


def _claims(state: State, i: int, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    m, looks = state.members[i], rules.orphans
    match m.st:
        case "T":
            if m.answer != "c" and m.confirmed and state.left.redrive:
                yield "REDRIVEN", _claim(_reopened(state, i), i, looks=looks)
        case "N" | "F":
            yield from _asks(state, i, rules, bounds)
        case "P":
            yield "goes on", _claim(state, i, looks=looks)
        case "L":
            settled = put(state, i, told=more(m.told), attempt=False) if m.attempt else state
            yield "takes over", _claim(settled, i, looks=True)
        case "Q" if has(state.up, i):
            yield "leaves the pile", _claim(put(state, i, batch=-1), i, looks=looks)
        case "S" if has(state.over, i):
            yield "is past its deadline", _claim(state, i, looks=looks)


def _reopened(state: State, i: int) -> State:
    m = state.members[i]
    again = put(
        state, i, lives=m.lives + 1, batch=-1, answer="", confirmed=False, spare=1, told=1,
        spare_before=m.spare,
    )  # fmt: skip
    return spend(again, "redrive")._replace(up=state.up & ~(1 << i), over=state.over & ~(1 << i))


def _asks(state: State, i: int, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """The second of two who ask the same sleeps behind the first, until one of them cannot wait."""
    leader, m = state.members[0], state.members[i]
    if not bounds.follows or i == 0:
        yield "claims", _claim(state, i, looks=rules.orphans)
        return
    if leader.st == "N":
        return
    if leader.st == "T" and leader.answer in ("c", "4"):
        yield "is given the answer", _ended(state, i, leader.answer)
    elif leader.st == "T" or not _flies(leader, rules):
        yield "leads", _claim(state, i, looks=rules.orphans)
    elif m.st == "N":
        yield "follows", put(state, i, st="F")
    elif has(state.up, i):
        yield "asks alone", _claim(state, i, looks=rules.orphans)


def _flies(m: Member, rules: Rules) -> bool:
    return m.st in "LP" or (rules.flies and m.st in "QS")


def _ended(state: State, i: int, answer: str, **changes: Any) -> State:
    return put(state, i, st="T", answer=answer, confirmed=False, batch=-1, attempt=False, **changes)


def _holding(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    h = state.handler
    i, m, idle = h.member, state.members[h.member], state._replace(handler=Handler())
    match h.pc:
        case "look":
            if h.looks and _own_orphan(m, rules):
                yield "uses the orphan", _ended(idle, i, "c", orphans=0)
            else:
                yield "finds no orphan", state._replace(handler=h._replace(pc="plan"))
        case "plan":
            yield _plans(state, rules)
        case "call":
            yield from _calls(state, rules, bounds)
        case "save":
            yield "saves", _ended(idle, i, "c")


def _plans(state: State, rules: Rules) -> Step:
    h = state.handler
    i, m, idle = h.member, state.members[h.member], state._replace(handler=Handler())
    if rules.mark and _own_orphan(m, rules) and not h.seen:
        return "meets the mark", state._replace(handler=h._replace(pc="look", looks=True))
    if has(state.over, i):
        return "misses its deadline", _ended(idle, i, "d")
    if not has(state.up, i):
        return "queues", put(idle, i, st="Q", batch=-1)
    if state.paused and rules.pause:
        return "is held", put(idle, i, st="P")
    held = wrong(state, PAUSED) if state.paused else state
    return "tells the ledger", put(held, i, attempt=True)._replace(handler=h._replace(pc="call"))


def _calls(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    h = state.handler
    i, m, idle = h.member, state.members[h.member], state._replace(handler=Handler())
    called = put(state, i, spare=m.spare - 1, told=m.told - 1)
    if h.seen and _any_orphan(m):
        called = wrong(called, IGNORED)
    if m.batch < 0 and uncollected(state, i):
        called = wrong(called, UNREAD)
    if bounds.follows and i == 1 and not has(state.up, 1) and state.members[0].st in "LQS":
        called = wrong(called, BESIDE)
    yield "calls", called._replace(handler=h._replace(pc="save"))
    if state.left.adverse:
        yield "THROTTLED", spend(put(idle, i, st="P", attempt=False), "adverse")
        if rules.mark and _own_orphan(m, rules) and not h.seen:
            again = put(state, i, attempt=False)._replace(handler=h._replace(pc="look", looks=True))
            yield "REFUSED, meets the mark", spend(again, "adverse")
        else:
            yield "REFUSED", spend(_ended(idle, i, "4"), "adverse")
    if state.left.lost:
        yield "ANSWER LOST", spend(put(idle, i, st="P", attempt=False), "lost")
