"""An answer that its route's check refuses: kept in the record, and the next target's turn.

One write holds the answer and the ledger's line of the next call, before that call starts: whoever goes on,
after whatever crash, finds the answer paid, and asks its target no more. That is so too where the next call
is a judge's: whoever does not hear what it says asks the next target.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from penstock.errors import (
    BlobError,
    BlobMissing,
    FencedOut,
    ProviderFailure,
    StoreError,
    StoreUnavailable,
)
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
from penstock.requests.seams import Second, seams_of
from penstock.requests.unsaved import orphan, set_by
from penstock.services import Services
from penstock.targets.retry import Park

#: A completion of more bytes lies in the bucket: a record may hold several, beside payload and result.
_INLINE: Final = 32 * 1024
_UNHEARD: Final = "Its judge was not heard."
_GONE: Final = "It is gone from the bucket."

Came = Answered | Answer
#: Makes a judge's call within the delivery's time; None: it was cut off.
Ask = Callable[[Calls], Awaitable[Answered | ProviderFailure | Park | None]]


@dataclass(frozen=True, slots=True)
class GoOn:
    """It was refused, which is durable now: the next target is to be asked."""


async def weighed(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, came: Came, ask: Ask
) -> Came | GoOn | None:
    """What `came`, as it is to be saved, or that the route's check refused it; None: its judge was cut off.

    Raises FencedOut or StoreUnavailable; the answer is then kept where `recovered` finds it. BlobUnavailable
    where one that was found there cannot be read.
    """
    name = came.target.name if isinstance(came, Answered) else came.target
    if holder.record.plan is None or holder.record.plan.cascade is None or not calls.more_than(name):
        return came
    return await _Weighing(s, holder, incoming.request, calls, came).outcome(ask)


class _Weighing:
    """One answer before its check; its target is not the last one."""

    def __init__(
        self, s: Services, holder: Holder[Record], request: Request, calls: Calls, came: Came
    ) -> None:
        self._s, self._holder, self._request, self._calls, self._came = s, holder, request, calls, came
        self._answer = came if isinstance(came, Answer) else self._priced(came)

    async def outcome(self, ask: Ask) -> Came | GoOn | None:
        completion = await self._completion()
        why = _GONE if completion is None else self._why_not(completion)
        second = self._second(completion) if completion is not None and why is None else None
        if second is not None and isinstance(self._came, Answered):
            return await self._judged(self._came, second, ask)
        if second is None and why is None:
            return self._came
        await self._refuse(why or _UNHEARD)
        return GoOn()

    async def _completion(self) -> Mapping[str, Any] | None:
        """None: it is gone. Raises BlobUnavailable."""
        try:
            return await said_in(self._s, self._answer)
        except BlobMissing:
            return None

    def _why_not(self, completion: Mapping[str, Any]) -> str | None:
        for seam in seams_of(self._s):
            why = seam.weigh(self._s, self._request, self._answer.target, completion)
            if why is not None:
                return why
        return None

    def _second(self, completion: Mapping[str, Any]) -> Second | None:
        for seam in seams_of(self._s):
            second = seam.second(self._s, self._request, self._answer.target, completion)
            if second is not None:
                return second
        return None

    async def _refuse(self, why: str) -> None:
        rung, name = await self._rung(why), self._answer.target
        await self._keep(lambda record: self._calls.next_rung(self._refused(record, rung), name))
        self._calls.go_on(name)

    async def _judged(self, came: Answered, second: Second, ask: Ask) -> Answered | GoOn | None:
        """Refused until its judge is heard: no crash brings its target, or the judge, a second call."""
        rung = await self._rung(_UNHEARD)

        def before_it(record: Record) -> tuple[Record, list[Write]]:
            return self._calls.line_of(self._refused(record, rung), second)

        await self._keep(before_it)
        judge = Calls(self._s, self._holder, second.request, (second.target,), self._calls.began)
        heard = await ask(judge)
        self._calls.provider_ms += judge.provider_ms
        if heard is None:
            return None
        why, said = _UNHEARD, None
        if isinstance(heard, Answered):
            why = second.why_not(heard.completion.encode()) or ""
            said = Rung(self._priced(heard), "It judged.", self._began, judged=self._answer.target)

        def settled(record: Record) -> Record:
            ended = judge.made(record, "ok") if said is not None else judge.noted(record)
            return transitions.judged(ended.with_outcome(NOT_CALLED), why, said, stands=not why)

        if not why:
            return replace(came, also=settled)
        name = self._answer.target
        await self._holder.write_with(lambda record: self._calls.next_rung(settled(record), name))
        self._calls.go_on(name)
        return GoOn()

    async def _keep(self, change: Callable[[Record], tuple[Record, list[Write]]]) -> None:
        try:
            await self._holder.write_with(change)
        except FencedOut:
            await orphan(self._s, self._holder, self._answer)
            raise
        except StoreError as error:
            await set_by(self._s, self._holder, self._answer)
            raise StoreUnavailable("The answer is paid for and waits in the bucket.") from error

    def _refused(self, record: Record, rung: Rung) -> Record:
        made = isinstance(self._came, Answered)
        ended = self._calls.made(record, "ok", rung.why) if made else record.with_outcome(NOT_CALLED)
        return transitions.refused(ended, rung)

    async def _rung(self, why: str) -> Rung:
        """Its words are given up where they are long and the bucket does not take them: nobody reads them
        again, and that it is paid has to be written."""
        answer = self._answer
        try:
            small = (
                await spilled(self._s, self._request.tenant, answer) if size_of(answer) > _INLINE else answer
            )
        except BlobError:
            small = replace(answer, completion={**(answer.completion or {}), "text": "", "reasoning": ""})
        return Rung(small, why, self._began)

    @property
    def _began(self) -> datetime:
        return self._holder.record.attempts[-1].at

    def _priced(self, came: Answered) -> Answer:
        return priced(self._s, came.completion, came.target, self._holder.record.plan, came.target.asked_in)
