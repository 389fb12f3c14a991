"""The batch protocol of docs/lanes.md: seal, create once, collect, give back (functions/penstock/batches)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.batch import collecting, creating
from tests.chaos.model.batch.handler import events, handler
from tests.chaos.model.batch.provider import provider
from tests.chaos.model.batch.rules import ASTRAY, CHANGED, LIVE_TWICE, SURPLUS, TWICE, UNTOLD, Rules
from tests.chaos.model.batch.sealing import live_twice, stamps, takes_up
from tests.chaos.model.batch.state import (
    ENDED,
    MEMBERS,
    Batch,
    Bounds,
    State,
    Step,
    Worker,
    excused,
    first,
    is_member,
    keep,
    spend,
    work,
)
from tests.chaos.model.explore import Model

#: A death or a pause here leaves a create of which nobody knows.
_WINDOW = ("post", "job")


def batch(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=first(bounds),
        successors=lambda state: _successors(state, rules, bounds),
        canonical=canonical,
        calls=_jobs,
        wrong_state=_wrong_state,
        wrong_step=_wrong_step,
        is_end=_is_end,
    )


def _successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    yield from events(state, rules, bounds)
    yield from handler(state, rules, bounds)
    idle = False
    for w, worker in enumerate(state.workers):
        if worker.pc != "-":
            yield from _batcher(state, w, worker, rules, bounds)
        elif not idle:  # two who are idle are the same
            idle = True
            yield from takes_up(state, w, rules)
    yield from provider(state, bounds)


def _batcher(state: State, w: int, worker: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    yield from _struck(state, w, worker)
    one = state.batches[worker.batch]
    assert one is not None
    if worker.pc in ("upload", "job", "search", "again", "delete") and rules.fenced and one.holder != w:
        yield "is fenced out", work(state, w)
        return
    match worker.pc:
        case "stamp":
            yield from stamps(state, w, worker, rules, bounds)
        case "upload":
            yield from creating.uploads(state, w, worker, rules)
        case "check":
            yield from creating.checks(state, w, worker, rules)
        case "post":
            yield from creating.posts(state, w, worker, rules)
        case "job":
            yield from creating.saves_job(state, w, worker)
        case "search" | "again":
            yield from creating.searches(state, w, worker, rules)
        case "delete":
            yield from creating.deletes(state, w, worker)
        case "answers" | "errors":
            yield from collecting.reads(state, w, worker, rules)
        case "missing":
            yield from collecting.gives_back(state, w, worker, rules)


def _struck(state: State, w: int, worker: Worker) -> Iterator[Step]:
    """It dies, or stands still past its lease and goes on."""
    x, one = worker.batch, state.batches[worker.batch]
    assert one is not None
    holds = one.holder == w
    if state.left.crash:
        dead = spend(work(state, w), "crash")
        if holds:
            dead = keep(dead, x, holder=-1, live=False)
            dead = excused(dead, x) if worker.pc in _WINDOW else dead
        yield f"BATCHER DIES at {worker.pc}", dead
    if state.left.zombie and holds and one.live:
        slow = spend(keep(state, x, live=False), "zombie")
        yield f"PAUSE at {worker.pc}", excused(slow, x) if worker.pc in _WINDOW else slow


def _jobs(state: State) -> int:
    """The most jobs that one batch has."""
    return max((len(one.jobs) for one in state.batches if one is not None), default=0)


def _wrong_state(state: State) -> Iterator[str]:
    if state.wrong:
        yield state.wrong
    for i in MEMBERS:
        m = state.members[i]
        if m.spare < 0 or m.spare_before < 0:
            yield SURPLUS
        if m.told < 0:
            yield UNTOLD
        if m.st != "T" and live_twice(state, i):
            yield LIVE_TWICE
        if m.st == "S" and _is_astray(state, i):
            yield ASTRAY


def _is_astray(state: State, i: int) -> bool:
    one = state.batches[state.members[i].batch]
    return one is None or (one.st != "sl" and not is_member(state, one, i))


def _wrong_step(state: State, step: State) -> Iterator[str]:
    for before, now in zip(state.members, step.members, strict=True):
        same = now.st == "T" and now.answer == before.answer and now.lives == before.lives
        if before.st == "T" and not same:
            if before.answer == "c":
                yield CHANGED
            elif now.lives != before.lives + 1:
                yield TWICE


def _is_end(state: State) -> bool:
    ended = all(m.st == "T" and m.confirmed for m in state.members)
    return ended and all(one is None for one in state.batches)


def canonical(state: State) -> State:
    """Which of two batchers is which does not matter, nor where a batch lies; one that is over is gone."""
    used = {m.batch for m in state.members} | {one.batch for one in state.workers if one.pc != "-"}
    batches = [_rest(one, used=x in used) for x, one in enumerate(state.batches)]
    order = sorted(
        (x for x in range(len(batches)) if batches[x] is not None), key=lambda x: _order(batches[x])
    )
    to = {old: new for new, old in enumerate(order)} | {-1: -1}
    first_, second = (m._replace(batch=to[m.batch]) if m.batch >= 0 else m for m in state.members)
    workers = [one._replace(batch=to[one.batch]) if one.pc != "-" else one for one in state.workers]
    placed = [batches[x] for x in order]
    if workers[1] < workers[0]:
        workers.reverse()
        placed = [one._replace(holder=1 - one.holder) if one and one.holder >= 0 else one for one in placed]
    full = (*placed, *[None] * (len(batches) - len(placed)))
    return state._replace(members=(first_, second), batches=full, workers=(workers[0], workers[1]))


def _rest(one: Batch | None, *, used: bool) -> Batch | None:
    """Of a batch that is closed only what may still come matters."""
    if one is None or one.st != "cl":
        return one
    if not used and not one.late and all(job.st in ENDED for job in one.jobs):
        return None
    return one._replace(candidates=0, cursor=0, holder=-1, live=False, deleted=one.deleted if one.late else 0)


def _order(one: Batch | None) -> tuple[object, ...]:
    assert one is not None
    return one[:8] + one[9:]
