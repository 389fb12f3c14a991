"""Upload a batch and create its job: the ledger first, and a create of unknown outcome is never repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from penstock import log
from penstock.batches.members import Entry, member_of, read_members
from penstock.batches.record import Stage
from penstock.batches.work import KEPT_S, Work, chunks
from penstock.errors import FailureClass, ProviderFailure
from penstock.requests.incoming import incoming_wake
from penstock.requests.lines import Member, give_back
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.room import wake_of
from penstock.requests.seams import seams_of
from penstock.runner import Job

#: Clocks of ours and the provider's may differ by this much when jobs are listed.
_SKEW_S = 300.0
_NOBODY_KNOWS = "Nobody can tell whether its batch was begun."


async def upload(work: Work) -> bool:
    """The members' file, and the word that a create follows. Raises FencedOut, StoreError, BlobError."""
    s, batch = work.s, work.batch
    if work.late or not batch.members:
        return await _too_late(work)
    pause = await s.pause.current(s.store, s.clock, s.timing)
    if pause is not None:
        wait_s = (pause.held_until(s.clock.now(), s.jitter(), s.timing) - s.clock.now()).total_seconds()
        await work.put_aside(min(wait_s, _left_s(work)))
        return False
    file = _File(work)
    try:
        name = await work.runner.upload(
            f"{batch.name}-{batch.fence}.jsonl", file.lines(), timeout_s=s.timing.batch_upload_s,
            expires_s=work.target.window_s + KEPT_S,
        )  # fmt: skip
    except ProviderFailure as failure:
        return await _refused(work, failure)
    for member, leave in file.unfit:
        await give_back(s, member, NOT_CALLED, "", leave=leave)
    if not file.count:
        await work.note(stage=Stage.GIVING_BACK, files=(*batch.files, name), offset=0)
        return True
    now = s.clock.now()
    await work.note(
        stage=Stage.CREATING, file=name, files=(*batch.files, name), lines=file.count,
        sent_at=batch.sent_at or now, creating_at=now,
    )  # fmt: skip
    return await _create(work)


class _File:
    """The lines as they are uploaded; `unfit`: members that do not fit, and whether they leave the lane."""

    def __init__(self, work: Work) -> None:
        self.count = 0
        self.unfit: list[tuple[Member, bool]] = []
        self._work, self._room = work, work.target.max_bytes

    async def lines(self) -> AsyncIterator[bytes]:
        work = self._work
        for some in chunks(await read_members(work)):
            paths = [member_of(work, entry).path for entry in some]
            found = await work.s.store.read(paths, timeout_s=work.s.timing.read_s)
            for entry, document in zip(some, found, strict=True):
                if document.fields is not None:
                    line = await self._line(entry, Record.decode(document.fields))
                    if line is not None:
                        yield line

    async def _line(self, entry: Entry, record: Record) -> bytes | None:
        work, member = self._work, member_of(self._work, entry)
        if not member.is_out(record):
            return None
        incoming = await incoming_wake(work.s, wake_of(record), record)
        name = entry.line_name(record.tenant, work.batch.name)
        request = replace(incoming.request, params=work.target.effective(incoming.request.params))
        line = work.runner.line(name, request) + b"\n" if request.messages else b""
        for seam in seams_of(work.s):
            if not await seam.may_be_sent(work.s, record, incoming.request, work.target):
                self.unfit.append((member, False))
                return None
        if not line or len(line) > min(self._room, work.target.max_bytes):
            # What does not fit beside the others does beside fewer; what fits no file is asked at once.
            self.unfit.append((member, not line or len(line) > work.target.max_bytes))
            return None
        self._room -= len(line)
        self.count += 1
        return line


async def _create(work: Work) -> bool:
    """The one POST that is paid."""
    s, batch = work.s, work.batch
    await work.holder.ensure(s.timing.lease_reserve_s)
    if work.late or s.draining.is_set() or await s.pause.current(s.store, s.clock, s.timing) is not None:
        await work.put_aside(0 if work.late else s.timing.batch_poll_s, **_undone(work))
        return False
    try:
        job = await work.runner.create(
            batch.file or "", {"b": batch.name, "fence": str(batch.fence)},
            window_s=work.target.window_s, timeout_s=s.timing.batch_call_s,
        )  # fmt: skip
    except ProviderFailure as failure:
        match failure.kind:
            case FailureClass.UNPAID:
                await work.after(failure, **_undone(work))
                return False
            case FailureClass.FINAL:
                return await _refused(work, failure)
        _warn(work, "batch.unsure", "A create got no answer; it is looked for.", failure.message)
        return await look(work)
    await _out(work, [job])
    return False


async def look(work: Work) -> bool:
    """Whether a create of unknown outcome has come to anything. Raises FencedOut, StoreError."""
    s, batch = work.s, work.batch
    try:
        found = await _ours(work)
        if found:
            await _out(work, found)
            return False
        since = batch.creating_at or batch.created_at
        if s.clock.now() < since + timedelta(seconds=s.timing.batch_lost_s):
            await work.put_aside(s.timing.batch_poll_s)
            return False
        # A create that is still under way finds its file gone.
        await work.runner.delete(batch.file or "", timeout_s=s.timing.batch_call_s)
        found = await _ours(work)
    except ProviderFailure as failure:
        await work.after(failure)
        return False
    if found:
        await _out(work, found)
        return False
    told = "it may be paid" if work.runner.by_line else "its machine's time may be paid, and no line"
    _warn(work, "batch.lost", f"A create came to nothing that its provider lists; {told}.", "")
    if batch.held and work.runner.by_line:
        await _seek(work)
        return True
    await work.note(stage=Stage.FROZEN, lost=batch.lost + 1)
    return True


async def _seek(work: Work) -> None:
    """What its members hold may be spent: each needs a new hold for another create, and gets it in the next
    batch. What this one came to is collected all the same, should it turn up."""
    until = work.batch.escalate_at + timedelta(seconds=work.s.timing.batch_cancel_s)
    await work.note(sought_until=until)
    await give_all_back(work, FailureClass.AMBIGUOUS, _NOBODY_KNOWS)


async def _too_late(work: Work) -> bool:
    """Nothing is created any more: whoever is in it goes back. A create that was lost is looked for again."""
    if work.batch.lost:
        try:
            found = await _ours(work)
        except ProviderFailure as failure:
            await work.after(failure)
            return False
        if found:
            await _out(work, found)
            return False
        await _none_begun(work, _NOBODY_KNOWS)
    else:
        await give_all_back(work, NOT_CALLED, "")
    return True


async def _refused(work: Work, failure: ProviderFailure) -> bool:
    """The provider wants none of it, or not now."""
    if failure.kind is not FailureClass.FINAL:
        await work.after(failure)
        return False
    _warn(
        work,
        "batch.refused",
        "The provider refuses the batch; its members are asked at once.",
        failure.message,
    )
    await _none_begun(work, failure.message, leave=True)
    return True


async def _none_begun(work: Work, message: str, *, leave: bool = False) -> None:
    """Nothing was created now: the outcome is that of a create before it that was lost, if there was one."""
    lost = work.perhaps_paid > 0
    outcome = FailureClass.AMBIGUOUS if lost else FailureClass.UNPAID
    await give_all_back(work, outcome, message, leave=leave, told=int(lost))


async def give_all_back(
    work: Work, outcome: str, message: str, *, leave: bool = False, told: int = 0
) -> None:
    """Whoever is still out goes back. `told`: of how many lost creates `outcome` tells already. Raises
    FencedOut, StoreError."""
    ending = {"outcome": str(outcome), "message": message, "leave": leave, "lines": [], "told": told}
    await work.note(stage=Stage.GIVING_BACK, ending=ending, offset=0)


async def _ours(work: Work) -> list[Job]:
    """The jobs that bear our mark or work off a file of ours, the oldest first. Raises ProviderFailure."""
    batch = work.batch
    since = (batch.sent_at or batch.created_at) - timedelta(seconds=_SKEW_S)
    listed = await work.runner.since(since, timeout_s=work.s.timing.batch_call_s)
    ours = [job for job in listed if job.file in batch.files or job.mark.get("b") == batch.name]
    return sorted(ours, key=lambda job: (job.created_at, job.name))


async def _out(work: Work, jobs: list[Job]) -> None:
    """They are known: the oldest works on, the others are called back, and all are collected."""
    batch = work.batch
    log.event("batch.created", "Out.", jobs=len(jobs), lines=batch.lines, target=batch.target, **batch.ids())
    names = tuple(dict.fromkeys((*batch.jobs, *(job.name for job in jobs))))
    await work.put_aside(work.s.timing.batch_poll_s, stage=Stage.OUT, jobs=names, polls=0)
    for extra in names[1:]:
        try:
            await work.runner.cancel(extra, timeout_s=work.s.timing.batch_call_s)
        except ProviderFailure as failure:
            _warn(work, "batch.extra", "A second job of a batch could not be called back.", failure.message)


async def strays(work: Work) -> list[Job]:
    """Jobs of ours that nobody knew: their create's answer was lost. Raises ProviderFailure."""
    return [job for job in await _ours(work) if job.name not in work.batch.jobs]


async def adopt(work: Work, found: list[Job]) -> None:
    await _out(work, found)


def _undone(work: Work) -> dict[str, object]:
    """Nothing was created: as it was before. An earlier create may have been sent all the same."""
    first = work.batch.creating_at == work.batch.sent_at
    return {"stage": Stage.FROZEN} | ({"sent_at": None} if first and not work.batch.lost else {})


def _left_s(work: Work) -> float:
    return max(0.0, (work.batch.escalate_at - work.s.clock.now()).total_seconds())


def _warn(work: Work, action: str, message: str, told: str) -> None:
    log.warning(action, message, reason=told, target=work.batch.target, **work.batch.ids())
