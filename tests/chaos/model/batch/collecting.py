"""A batcher in the model of batches: the files pass by pass, line by line, and who got none."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.batch.rules import BOOKED_TWICE, CHANGED, DROPPED, REFUSED, Rules
from tests.chaos.model.batch.state import (
    ANSWERS,
    ENDED,
    MEMBERS,
    Batch,
    Job,
    State,
    Step,
    Worker,
    has,
    is_member,
    keep,
    more,
    put,
    spend,
    uncollected,
    work,
    wrong,
)

#: Files are read of jobs that ended in one of these.
_WITH_FILES = "dxe"


def reads(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    """The next line of this pass, or the end of it."""
    batch = state.batches[worker.batch]
    assert batch is not None
    jobs = len(batch.jobs)
    for at in range(worker.at, len(MEMBERS) * jobs):
        i, n = divmod(at, jobs)
        job = batch.jobs[n]
        if job.known and job.st in _WITH_FILES:
            steps = list(_line(state, w, worker._replace(at=at), batch, i, n, rules))
            if steps:
                yield from steps
                return
    yield _pass_done(state, w, worker, batch, rules)


def _line(state: State, w: int, worker: Worker, batch: Batch, i: int, n: int, rules: Rules) -> Iterator[Step]:
    line = batch.jobs[n].lines[i]
    on = work(state, w, worker.pc, worker.batch, worker.at + 1)
    if worker.pc == "answers":
        if line in "odp":
            yield from _answer(state, on, w, worker, batch, i, n, rules)
        elif line == "U" and not rules.named:
            yield "keeps it again", wrong(on, BOOKED_TWICE)
    elif line in "rdu" and _is_out(state, worker.batch, batch, i):
        if line == "u":
            yield "is unpaid", put(on, i, st="Q", batch=-1)
        else:
            refused = put(on, i, st="T", answer="4", confirmed=False, batch=-1, attempt=False)
            yield "is refused", wrong(refused, REFUSED) if uncollected(state, i) else refused


def _is_out(state: State, x: int, batch: Batch, i: int) -> bool:
    m = state.members[i]
    return m.st == "S" and m.batch == x and batch.counts[i] == m.lives


def _answer(
    state: State, on: State, w: int, worker: Worker, batch: Batch, i: int, n: int, rules: Rules
) -> Iterator[Step]:
    m, x = state.members[i], worker.batch
    this_life = batch.counts[i] == m.lives
    waits = m.st in "SQPF" and (this_life or rules.earlier)
    if not (_is_out(state, x, batch, i) or waits or not rules.save):
        kept = put(on, i, orphans=m.orphans | 1 << batch.counts[i])
        yield "keeps it as an orphan", keep(kept, x, jobs=_marked(batch.jobs, i, n, "K"))
        return
    saved = put(on, i, st="T", answer="c", confirmed=False, batch=-1, attempt=False)
    saved = keep(saved, x, jobs=_marked(batch.jobs, i, n, "U"))
    if m.st == "T" and m.answer == "c":
        saved = wrong(saved, CHANGED)
    yield "saves the line", saved
    if state.left.lost:
        yield "saves the line, ANSWER LOST", work(spend(saved, "lost"), w, worker.pc, x, worker.at)


def _marked(jobs: tuple[Job, ...], i: int, n: int, line: str) -> tuple[Job, ...]:
    lines = (line, jobs[n].lines[1]) if i == 0 else (jobs[n].lines[0], line)
    return (*jobs[:n], jobs[n]._replace(lines=lines), *jobs[n + 1 :])


def _pass_done(state: State, w: int, worker: Worker, batch: Batch, rules: Rules) -> Step:
    if batch.holder != w:
        return "is fenced out", work(state, w)
    began = worker.pc == ("answers" if rules.order else "errors")
    then = ("errors" if rules.order else "answers") if began else "missing"
    done = keep(state, worker.batch, cursor=1 if began else 2, live=True)
    return f"has read the {worker.pc}", work(done, w, then, worker.batch)


def gives_back(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    """Who got no line goes back; then the batch is closed."""
    x, batch = worker.batch, state.batches[worker.batch]
    assert batch is not None
    for i in range(worker.at, len(MEMBERS)):
        if is_member(state, batch, i) and _is_out(state, x, batch, i) and not _has_line(batch, i):
            told = state.members[i].told
            counts = {} if _is_sure(batch, rules) else {"told": more(told)}
            back = put(work(state, w, "missing", x, i + 1), i, st="Q", batch=-1, **counts)
            yield "has no line", back
            return
    if batch.holder != w and rules.fenced:
        yield "is fenced out", work(state, w)
        return
    closed = work(keep(state, x, st="cl", holder=-1, live=False), w)
    unread = any(
        job.known and job.st in _WITH_FILES and line in ANSWERS for job in batch.jobs for line in job.lines
    )
    yield "closes", wrong(closed, DROPPED) if unread else closed


def _has_line(batch: Batch, i: int) -> bool:
    files = (job for job in batch.jobs if job.known and job.st in _WITH_FILES)
    return has(batch.manifest, i) and any(job.lines[i] in "odruUKp" for job in files)


def _is_sure(batch: Batch, rules: Rules) -> bool:
    """Whether nothing of it was paid: nothing was sent, or all that was failed before its first line."""
    known = [job for job in batch.jobs if job.known]
    unpaid = ENDED if not rules.missing else "f"
    return batch.sent < 2 and all(job.st in unpaid for job in known) and bool(known or not batch.sent)
