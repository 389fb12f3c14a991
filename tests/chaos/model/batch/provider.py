"""The provider in the model of batches: a listing that may lag, jobs, lines, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.batch.creating import failed, new_job
from tests.chaos.model.batch.state import (
    BATCHES,
    MEMBERS,
    Batch,
    Bounds,
    Job,
    State,
    Step,
    has,
    keep,
    more,
    paid,
    put,
    spend,
)


def provider(state: State, bounds: Bounds) -> Iterator[Step]:
    #: Line by line only where that tells a difference: it multiplies the states.
    partly = bool(bounds.esc or bounds.adverse)
    for x in BATCHES:
        batch = state.batches[x]
        if batch is None:
            continue
        for n, job in enumerate(batch.jobs):
            yield from _job(state, x, n, batch, job, partly=partly)
        for n, file in enumerate(batch.late):
            rest = keep(state, x, late=(*batch.late[:n], *batch.late[n + 1 :]))
            yield "a late create vanishes", rest
            if not has(batch.deleted, file):
                yield "a late create lands", keep(rest, x, jobs=(*batch.jobs, new_job(batch, 1, file)))


def _job(state: State, x: int, n: int, batch: Batch, job: Job, *, partly: bool) -> Iterator[Step]:
    if not job.listed:
        yield "is listed", _put_job(state, x, n, job._replace(listed=2 if batch.st in ("co", "cl") else 1))
    if job.st == "w":
        yield "its files come", _put_job(state, x, n, job._replace(st="d"))
    if job.st in "rc":
        yield from _works(state, x, n, job, partly=partly)
    if job.st in "dxef" and batch.st == "ip":
        for i in MEMBERS:
            if job.lines[i] == "l":
                yield "a late line comes", _put_job(state, x, n, _said(job, i, "o"))


def _works(state: State, x: int, n: int, job: Job, *, partly: bool) -> Iterator[Step]:
    open_ = [i for i in MEMBERS if job.lines[i] == "."]
    if not open_:
        yield from _completes(state, x, n, job)
    elif not partly:
        for i in open_:
            state, job = paid(state, x, i), _said(job, i, "o")
        yield from _completes(state, x, n, job)
    else:
        for i in open_:
            yield from _one_line(state, x, n, job, i)
    if open_ and partly and job.st == "c":
        yield "is called back", _put_job(state, x, n, _left(job, "x", "x"))
    elif open_ and partly and state.left.adverse:
        adverse = spend(state, "adverse")
        yield "EXPIRES", _put_job(adverse, x, n, _left(job, "e", "u"))
        if all(line in ".-" for line in job.lines):
            yield "FAILS as a whole", _put_job(adverse, x, n, failed(job))


def _completes(state: State, x: int, n: int, job: Job) -> Iterator[Step]:
    yield "completes", _put_job(state, x, n, job._replace(st="d"))
    if state.left.lag:
        yield "completes, NO FILE YET", spend(_put_job(state, x, n, job._replace(st="w")), "lag")


def _one_line(state: State, x: int, n: int, job: Job, i: int) -> Iterator[Step]:
    billed = paid(state, x, i)
    yield "answers a line", _put_job(billed, x, n, _said(job, i, "o"))
    if not state.left.adverse:
        return
    yield "REFUSES a line", spend(_put_job(state, x, n, _said(job, i, "r")), "adverse")
    yield "A LINE IS UNPAID", spend(_put_job(state, x, n, _said(job, i, "u")), "adverse")
    yield "A LINE IS IN BOTH FILES", spend(_put_job(billed, x, n, _said(job, i, "d")), "adverse")
    excused = spend(_one_more(billed, x, i), "adverse")
    yield "A PAID LINE IS MISSING", _put_job(excused, x, n, _said(job, i, "m"))
    yield "A PAID LINE IS LATE", _put_job(excused, x, n, _said(job, i, "l"))


def _one_more(state: State, x: int, i: int) -> State:
    """Ghost: a paid line that is not there is a fault."""
    batch, m = state.batches[x], state.members[i]
    assert batch is not None
    if batch.counts[i] == m.lives:
        return put(state, i, spare=more(m.spare))
    return put(state, i, spare_before=more(m.spare_before))


def _said(job: Job, i: int, line: str) -> Job:
    return job._replace(lines=(line, job.lines[1]) if i == 0 else (job.lines[0], line))


def _left(job: Job, st: str, line: str) -> Job:
    first, second = (line if old == "." else old for old in job.lines)
    return job._replace(st=st, lines=(first, second))


def _put_job(state: State, x: int, n: int, job: Job) -> State:
    batch = state.batches[x]
    assert batch is not None
    return keep(state, x, jobs=(*batch.jobs[:n], job, *batch.jobs[n + 1 :]))
