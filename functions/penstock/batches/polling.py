"""Ask after a batch that is out, call it back when its time is up, and see that all of it has ended."""

from __future__ import annotations

from datetime import timedelta

from penstock import log
from penstock.batches.creating import adopt, give_all_back, strays
from penstock.batches.record import Part, Stage
from penstock.batches.work import Work
from penstock.errors import FailureClass, ProviderFailure
from penstock.runner import Job, Problem


async def poll(work: Work) -> bool:
    """Raises FencedOut, StoreError, BlobError."""
    try:
        jobs = [await _job(work, name) for name in work.batch.jobs]
    except ProviderFailure as failure:
        return await _unreachable(work, failure)
    if not all(job.ended for job in jobs):
        await _wait_on(work, jobs)
        return False
    try:
        found = await strays(work)
    except ProviderFailure as failure:
        await work.after(failure)
        return False
    if found:
        await adopt(work, found)
        return False
    if not all(job.settled for job in jobs) and not _given_up(work):
        await work.put_aside(work.s.timing.batch_poll_s)
        return False
    await _collect(work, jobs)
    return True


async def _job(work: Work, name: str) -> Job:
    return await work.runner.job(name, timeout_s=work.s.timing.batch_call_s)


async def _wait_on(work: Work, jobs: list[Job]) -> None:
    s, batch = work.s, work.batch
    for extra in jobs[1:]:
        if not extra.ended:
            await _call_back(work, extra)
    if work.late:
        if not batch.cancelled:
            log.warning("batch.escalated", "Called back: its time is up.", **batch.ids())
        called = [await _call_back(work, job) for job in jobs if not job.ended and not batch.cancelled]
        await work.put_aside(s.timing.batch_poll_s, cancelled=all(called))
        return
    wait_s = min(s.timing.batch_poll_max_s, s.timing.batch_poll_s * 1.6 ** min(batch.polls, 8))
    left_s = (batch.escalate_at - s.clock.now()).total_seconds()
    await work.put_aside(min(wait_s, max(0.0, left_s)), polls=batch.polls + 1)


async def _call_back(work: Work, job: Job) -> bool:
    """Whether the provider has heard it."""
    try:
        await work.runner.cancel(job.name, timeout_s=work.s.timing.batch_call_s)
    except ProviderFailure as failure:
        reason, ids = failure.message, work.batch.ids()
        log.warning("batch.uncancelled", "A job could not be called back.", reason=reason, **ids)
        return False
    return True


async def _unreachable(work: Work, failure: ProviderFailure) -> bool:
    """The provider does not know the job, or does not answer: who cannot wait on is asked again, counted."""
    batch = work.batch
    gone = failure.status == 404 and _in_need(work)
    log.error(
        "batch.unreachable",
        "A batch that is out cannot be asked after.",
        reason=failure.message,
        **batch.ids(),
    )
    if not gone:
        await work.after(failure)
        return False
    outcome = FailureClass.AMBIGUOUS if work.runner.by_line else FailureClass.UNPAID
    await give_all_back(work, outcome, "The provider does not know its batch.")
    return True


def _in_need(work: Work) -> bool:
    """Whether what is still missing is given up, so that who got no line can be asked in time."""
    last = work.batch.escalate_at + timedelta(seconds=work.s.timing.batch_cancel_s)
    return work.s.clock.now() >= last


def _given_up(work: Work) -> bool:
    """Whether nobody waits for files any more; of a forgotten one late ones too are to be deleted."""
    return work.s.clock.now() >= work.kept_until if work.batch.forgotten else _in_need(work)


async def _collect(work: Work, jobs: list[Job]) -> None:
    """All answers of all jobs first, then all errors: a line in both is an answer."""
    answers = [Part(job.name, file) for job in jobs for file in job.answers]
    errors = [Part(job.name, file) for job in jobs for file in job.errors]
    ending = await _ending(work, jobs) if not answers and not errors else _missing(work)
    await work.note(
        stage=Stage.COLLECTING, parts=(*answers, *errors), part=0, offset=0, ending=ending,
        files=(*work.batch.files, *(part.file for part in (*answers, *errors))),
    )  # fmt: skip


#: Nobody can tell whether a line was paid that a batch which worked does not have.
_MISSING = {
    "outcome": "ambiguous", "message": "Its batch ended without its line.", "leave": False, "lines": [],
}  # fmt: skip


#: A machine of our own is paid by its time: whom it did not get to is asked again.
_NOT_REACHED = {
    "outcome": "unpaid", "message": "The job ended before its line.", "leave": False, "lines": [],
}  # fmt: skip


def _missing(work: Work) -> dict[str, object]:
    """What becomes of who has no line, where others have."""
    return dict(_MISSING if work.runner.by_line else _NOT_REACHED)


async def _ending(work: Work, jobs: list[Job]) -> dict[str, object]:
    """What becomes of all, where no job has a file: only what failed before its first line is unpaid."""
    batch = work.batch
    failed = [job for job in jobs if job.problem is not None]
    if len(failed) < len(jobs) or work.perhaps_paid:
        return _missing(work)
    [*_, last] = failed
    log.warning("batch.failed", "A batch failed as a whole.", reason=last.told, **batch.ids())
    ending: dict[str, object] = {"outcome": "unpaid", "message": last.told, "leave": False, "lines": []}
    match last.problem:
        case Problem.ALLOWANCE:
            # The allowance frees itself as other batches end; half as many are tried then.
            return ending | {"leave": batch.members == 1, "at_most": max(1, batch.members // 2)}
        case Problem.LINES if batch.lines == batch.members:
            return ending | {"lines": list(last.bad_lines)}
    return ending | {"leave": True}
