"""An answer that its route's check refuses: kept in the record, and the next target's turn.

One write holds the answer and the ledger's line of the next call, before that call starts: whoever goes on,
after whatever crash, finds the answer paid, and asks its target no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from penstock.errors import BlobError, BlobMissing, FencedOut, StoreError, StoreUnavailable
from penstock.leases.holder import Holder
from penstock.messages.request import Request
from penstock.messages.result import Answer
from penstock.messages.rung import Rung
from penstock.ports import Write
from penstock.requests import transitions
from penstock.requests.answers import priced, said_in, size_of, spilled
from penstock.requests.call import Answered, Calls
from penstock.requests.incoming import Incoming
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import seams_of
from penstock.requests.unsaved import orphan, set_by
from penstock.services import Services

#: A completion of more bytes lies in the bucket: a record may hold several, beside payload and result.
_INLINE: Final = 32 * 1024


async def went_on(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, came: Answered | Answer
) -> bool:
    """Whether a check refused what `came`, so that the next target is to be asked.

    Raises FencedOut or StoreUnavailable; the answer is then kept where `recovered` finds it. BlobUnavailable
    where one that was found there cannot be read.
    """
    if holder.record.plan is None or holder.record.plan.cascade is None or not calls.more_than(_who(came)):
        return False
    answer = _answer(s, holder, came)
    why = await _why_not(s, incoming.request, answer)
    if why is None:
        return False
    await _refuse(s, holder, calls, answer, why, called=isinstance(came, Answered))
    return True


def _who(came: Answered | Answer) -> str:
    return came.target.name if isinstance(came, Answered) else came.target


def _answer(s: Services, holder: Holder[Record], came: Answered | Answer) -> Answer:
    if isinstance(came, Answer):
        return came
    return priced(s, came.completion, came.target, holder.record.plan, came.target.asked_in)


async def _why_not(s: Services, request: Request, answer: Answer) -> str | None:
    """Raises BlobUnavailable."""
    try:
        completion = await said_in(s, answer)
    except BlobMissing:
        return "It is gone from the bucket."
    for seam in seams_of(s):
        why = seam.weigh(s, request, answer.target, completion)
        if why is not None:
            return why
    return None


async def _refuse(
    s: Services, holder: Holder[Record], calls: Calls, answer: Answer, why: str, *, called: bool
) -> None:
    small = await _small(s, holder.record.tenant, answer)
    rung = Rung(small, why, holder.record.attempts[-1].at)

    def change(record: Record) -> tuple[Record, list[Write]]:
        ended = calls.made(record, "ok", why) if called else record.with_outcome(NOT_CALLED)
        return calls.next_rung(transitions.refused(ended, rung), answer.target)

    try:
        await holder.write_with(change)
    except FencedOut:
        await orphan(s, holder, answer)
        raise
    except StoreError as error:
        await set_by(s, holder, answer)
        raise StoreUnavailable("The answer is paid for and waits in the bucket.") from error
    calls.go_on(answer.target)


async def _small(s: Services, tenant: str, answer: Answer) -> Answer:
    """Its words are given up where they are long and the bucket does not take them: nobody reads them again,
    and that it is paid has to be written."""
    try:
        return await spilled(s, tenant, answer) if size_of(answer) > _INLINE else answer
    except BlobError:
        silent: Mapping[str, Any] = {**(answer.completion or {}), "text": "", "reasoning": ""}
        return replace(answer, completion=silent)
