"""A batcher in the model of batches: what it takes up, and how it seals."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.batch.rules import BESIDE, IGNORED, UNREAD, Rules
from tests.chaos.model.batch.state import (
    BATCHES,
    ENDED,
    MEMBERS,
    Batch,
    Bounds,
    Job,
    State,
    Step,
    Worker,
    has,
    is_late,
    is_member,
    keep,
    put,
    uncollected,
    work,
    wrong,
)


def takes_up(state: State, w: int, rules: Rules) -> Iterator[Step]:
    """An idle batcher begins: a pile, or a batch that nobody holds."""
    pile = sum(1 << i for i in MEMBERS if state.members[i].st == "Q" and not has(state.up, i))
    if pile and None in state.batches:
        x = state.batches.index(None)
        batches = list(state.batches)
        batches[x] = Batch(candidates=pile, holder=w, live=True)
        yield "seals", work(state._replace(batches=tuple(batches)), w, "stamp", x)
    for x in BATCHES:
        batch = state.batches[x]
        if batch is not None and not batch.live and batch.st != "cl" and (rules.sweep or batch.st == "ip"):
            yield from _takes(state, w, x, batch, rules)


def _takes(state: State, w: int, x: int, batch: Batch, rules: Rules) -> Iterator[Step]:
    taken = keep(state, x, holder=w, live=True)
    match batch.st:
        case "sl":
            yield "takes over sealing", work(taken, w, "stamp", x, 0, 4)
        case "up" if not state.paused or is_late(state, batch):
            yield "takes up frozen", work(taken, w, "upload", x)
        case "cr":
            yield (
                "takes over creating",
                work(taken, w, "search" if rules.look else "upload", x, 0, batch.file),
            )
        case "co":
            passes = ("answers", "errors") if rules.order else ("errors", "answers")
            yield "takes over collecting", work(taken, w, (*passes, "missing")[batch.cursor], x)
        case "ip":
            yield from _asks_after(state, w, x, batch, rules)


def _asks_after(state: State, w: int, x: int, batch: Batch, rules: Rules) -> Iterator[Step]:
    known = [job for job in batch.jobs if job.known]
    ends = ENDED if rules.settled else ENDED + "w"
    if any(job.listed and not job.known for job in batch.jobs):
        yield "adopts a stray", keep(state, x, jobs=tuple(map(_adopted, batch.jobs)))
    elif all(job.st in ends for job in known) or not rules.terminal:
        begun = keep(state, x, st="co", cursor=0, holder=w, live=True)
        yield "finds it ended", work(begun, w, "answers" if rules.order else "errors", x)
    if is_late(state, batch) and any(job.st == "r" for job in known):
        called = keep(state, x, jobs=tuple(_called_back(job) if job.known else job for job in batch.jobs))
        yield "calls it back", called
        if not rules.collect:
            yield "calls it back and closes", _closed_unread(called, x, batch)


def _adopted(job: Job) -> Job:
    found = job._replace(known=job.known or job.listed > 0)
    return _called_back(found) if job.listed and not job.known else found


def _called_back(job: Job) -> Job:
    return job._replace(st="c") if job.st == "r" else job


def _closed_unread(state: State, x: int, batch: Batch) -> State:
    for i in MEMBERS:
        if has(batch.manifest, i) and state.members[i].st == "S" and state.members[i].batch == x:
            state = put(state, i, st="Q", batch=-1)
    return keep(state, x, st="cl", holder=-1, live=False)


def stamps(state: State, w: int, worker: Worker, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """One candidate after the other, then the list is frozen."""
    x, i, kept = worker.batch, worker.at, worker.kept
    batch = state.batches[x]
    assert batch is not None
    if i == len(MEMBERS):
        if batch.holder != w and rules.fenced:
            yield "is fenced out", work(state, w)
            return
        counts = (kept >> 3 & 1, kept >> 4 & 1)
        frozen = keep(state, x, st="up", manifest=kept & 3, counts=counts, live=True)
        yield "freezes", work(frozen, w, "upload", x)
        return
    m = state.members[i]
    taken = work(state, w, "stamp", x, i + 1, kept | 1 << i | m.lives << (3 + i))
    if m.st == "S" and m.batch == x:
        yield "has it", taken
    elif _may_stamp(state, batch, i, rules) and (rules.restamp or not kept & 4):
        stamped = put(taken, i, st="S", batch=x)
        yield "stamps", wrong(stamped, _unfit(state, i, bounds))
    else:
        yield "drops", work(state, w, "stamp", x, i + 1, kept)


def _may_stamp(state: State, batch: Batch, i: int, rules: Rules) -> bool:
    if not rules.stamp and state.members[i].st in "LPF":
        return True
    return state.members[i].st == "Q" and (has(batch.candidates, i) or not rules.chosen)


def _unfit(state: State, i: int, bounds: Bounds) -> str:
    """What is wrong with sending `i` now."""
    m = state.members[i]
    if m.st == "Q" and m.orphans & ((2 << m.lives) - 1):
        return IGNORED
    if uncollected(state, i):
        return UNREAD
    if bounds.follows and i == 1 and not has(state.up, 1) and state.members[0].st in "LQS":
        return BESIDE
    return ""


def live_twice(state: State, i: int) -> bool:
    live = (batch for batch in state.batches if batch is not None and batch.st in ("up", "cr", "ip"))
    return sum(is_member(state, batch, i) for batch in live) > 1
