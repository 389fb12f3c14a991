"""A batcher in the model of batches: upload, create, and what it does where nobody knows whether it did."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.batch.rules import AGAIN, PAUSED, TOO_LATE, Rules
from tests.chaos.model.batch.state import (
    MEMBERS,
    Batch,
    Job,
    State,
    Step,
    Worker,
    counted,
    excused,
    has,
    is_late,
    keep,
    spend,
    work,
    wrong,
)

#: Files of one batch that are uploaded one after the other at most, less one.
_FILES = 2


def uploads(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    x, batch = worker.batch, _batch(state, worker)
    late = is_late(state, batch) and rules.noesc
    if not batch.manifest:
        yield "closes an empty one", work(keep(state, x, st="cl", holder=-1, live=False), w)
    elif late and rules.lastlook and batch.sent == 2 and any(job.listed for job in batch.jobs):
        yield "looks once more and adopts", _out(state, w, x, batch)
    elif late:
        yield "gives back", work(keep(state, x, st="co", cursor=2, live=True), w, "missing", x)
    elif state.paused:
        yield "waits for the operator", work(_free(state, x), w)
    elif not rules.ledger:
        yield "tells nobody", work(state, w, "post", x, 0, batch.file)
    else:
        told = keep(state, x, st="cr", sent=max(batch.sent, 1), live=True)
        yield "writes that a create follows", work(told, w, "check", x, 0, batch.file)


def checks(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    x, batch = worker.batch, _batch(state, worker)
    holds = batch.holder == w
    if rules.lease and not holds:
        yield "is fenced out", work(state, w)
        return
    if (state.paused and rules.pause) or (is_late(state, batch) and rules.noesc):
        yield "takes it back", work(_undone(state, x, batch) if holds else state, w)
        return
    posting = work(keep(state, x, live=True) if holds else state, w, "post", x, 0, worker.kept)
    if any(has(batch.manifest, i) and has(state.over, i) for i in MEMBERS):
        posting = wrong(posting, TOO_LATE)
    yield "checks its lease", wrong(posting, PAUSED) if state.paused else posting


def posts(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    x, file, batch = worker.batch, worker.kept, _batch(state, worker)
    if has(batch.deleted, file):
        yield "finds its file gone", work(state, w, "search", x, 0, file)
    else:
        yield from _posts(state, w, worker, rules)
    if state.left.adverse and batch.holder == w:
        yield "CREATE REFUSED", work(spend(_undone(state, x, batch), "adverse"), w)


def _posts(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    x, file, batch = worker.batch, worker.kept, _batch(state, worker)
    if len(batch.jobs) >= 1 + batch.faults:
        state = wrong(state, AGAIN)
    created, unseen = _with_job(state, x, 1, file), _with_job(state, x, 0, file)
    yield "creates", work(created, w, "job", x, 0, file)
    if state.left.lag:
        yield "creates, THE LISTING LAGS", work(spend(unseen, "lag"), w, "job", x, 0, file)
    if not state.left.lost:
        return
    then = ("search" if rules.once else "post", x, 0, file)
    lost = spend(excused(state, x), "lost")
    yield "CREATE LOST before", work(lost, w, *then)
    yield "CREATE LOST after", work(_with_job(lost, x, 1, file), w, *then)
    if state.left.lag:
        yield "CREATE LOST after, THE LISTING LAGS", work(spend(_with_job(lost, x, 0, file), "lag"), w, *then)
    yield "CREATE GOES LATE", work(keep(lost, x, late=(*batch.late, file)), w, *then)


def _with_job(state: State, x: int, listed: int, file: int) -> State:
    batch = state.batches[x]
    assert batch is not None
    return keep(state, x, jobs=(*batch.jobs, new_job(batch, listed, file)))


def new_job(batch: Batch, listed: int, file: int) -> Job:
    """A job of `batch`; one that comes after it was collected is read by nobody."""
    lines = tuple("." if has(batch.manifest, i) else "-" for i in MEMBERS)
    seen = 2 if listed and batch.st in ("co", "cl") else listed
    return Job(file, "r", seen, known=False, lines=(lines[0], lines[1]))


def saves_job(state: State, w: int, worker: Worker) -> Iterator[Step]:
    x, batch = worker.batch, _batch(state, worker)
    newest = max(n for n, job in enumerate(batch.jobs) if job.file == worker.kept)
    jobs = tuple(job._replace(known=job.known or n == newest) for n, job in enumerate(batch.jobs))
    out = keep(state, x, st="ip", jobs=jobs, holder=-1, live=False, sent=max(batch.sent, 1))
    yield "keeps the job's name", work(out, w)


def searches(state: State, w: int, worker: Worker, rules: Rules) -> Iterator[Step]:
    """Through the listing: ten minutes long, then the file is deleted, and once more."""
    x, file, batch = worker.batch, worker.kept, _batch(state, worker)
    if any(job.listed for job in batch.jobs):
        yield "finds it", _out(state, w, x, batch)
    elif worker.pc == "search":
        yield "finds none in ten minutes", work(state, w, "delete", x, 0, file)
    elif is_late(state, batch) and rules.noesc:
        given_up = keep(state, x, st="co", cursor=2, sent=2, live=True)
        yield "gives up", work(given_up, w, "missing", x)
    elif batch.file < _FILES:
        anew = keep(state, x, st="up", file=batch.file + 1, sent=2, live=True)
        yield "makes a new one", work(counted(anew, x) if rules.counted else anew, w, "upload", x)


def deletes(state: State, w: int, worker: Worker) -> Iterator[Step]:
    """A job that is not listed yet may fail for want of its file."""
    x, file, batch = worker.batch, worker.kept, _batch(state, worker)
    gone = work(keep(state, x, deleted=batch.deleted | 1 << file), w, "again", x, 0, file)
    yield "deletes the file", gone
    for n, job in enumerate(batch.jobs):
        if job.file == file and job.st == "r" and all(line in ".-" for line in job.lines):
            yield "deletes the file, THE JOB FAILS", keep(gone, x, jobs=_with(batch.jobs, n, failed(job)))


def failed(job: Job) -> Job:
    lines = tuple("x" if line == "." else "-" for line in job.lines)
    return job._replace(st="f", lines=(lines[0], lines[1]))


def _with(jobs: tuple[Job, ...], n: int, job: Job) -> tuple[Job, ...]:
    return (*jobs[:n], job, *jobs[n + 1 :])


def _out(state: State, w: int, x: int, batch: Batch) -> State:
    """What is listed is ours: the oldest works on, the others are called back, all are collected."""
    found = [n for n, job in enumerate(batch.jobs) if job.listed]
    jobs = [
        job._replace(known=job.known or n in found, st="c" if n in found[1:] and job.st == "r" else job.st)
        for n, job in enumerate(batch.jobs)
    ]
    return work(keep(state, x, st="ip", jobs=tuple(jobs), holder=-1, live=False), w)


def _undone(state: State, x: int, batch: Batch) -> State:
    return _free(keep(state, x, st="up", sent=0 if batch.sent == 1 else 2), x)


def _free(state: State, x: int) -> State:
    return keep(state, x, holder=-1, live=False)


def _batch(state: State, worker: Worker) -> Batch:
    batch = state.batches[worker.batch]
    assert batch is not None
    return batch
