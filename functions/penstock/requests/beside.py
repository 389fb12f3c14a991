"""A call beside the request's own, and before it: its line of the ledger, its hold and its slot are its own.

Whoever dies meanwhile leaves a line of unknown outcome, as at any call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.leases.holder import Holder
from penstock.messages.rung import Rung
from penstock.ports import Write
from penstock.requests.answers import priced
from penstock.requests.call import Answered, Calls
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import Second, seams_of
from penstock.services import Services
from penstock.targets.routes import Target


class Beside:
    """Asks others, one after the other, in the delivery of `calls`, which have not begun."""

    def __init__(self, s: Services, holder: Holder[Record], calls: Calls) -> None:
        self._s, self._holder, self._calls = s, holder, calls
        #: What was heard last, for the next write to tell; None: nobody was asked.
        self._settled: Callable[[Record], Record] | None = None

    async def needs_a_line(self, target: Target) -> bool:
        """Whether a room may hold a call to `target` back, or is to know what it cost. Raises StoreError."""
        for seam in seams_of(self._s):
            if await seam.touches(self._s, self._holder.record, target):
                return True
        return False

    async def ask(self, second: Second, role: str, why: str) -> Mapping[str, Any] | None:
        """What was said, as a result has it; None: nothing was heard. `role` and `why` are its receipt's.

        Raises FencedOut, StoreError.
        """
        calls, holder = self._calls, self._holder
        if self._settled is None:
            await calls.not_yet(why)

        def before_it(record: Record) -> tuple[Record, list[Write]]:
            return calls.line_of(self.settled(record).with_outcome(NOT_CALLED), second)

        await holder.write_with(before_it)
        asked = Calls(self._s, holder, second.request, (second.target,), calls.began)
        heard = await asked.once(second.how)
        calls.provider_ms += asked.provider_ms
        said = self._receipt(heard, role, why) if isinstance(heard, Answered) else None

        def settled(record: Record) -> Record:
            ended = asked.made(record, "ok") if said is not None else asked.noted(record)
            rungs = (*(record.rungs or ()), *([said] if said is not None else ()))
            return ended.with_outcome(NOT_CALLED)._replace(rungs=rungs or None)

        self._settled = settled
        return heard.completion.encode() if isinstance(heard, Answered) else None

    def settled(self, record: Record) -> Record:
        """`record` with what was heard last."""
        return self._settled(record) if self._settled is not None else record

    async def go_on(self) -> None:
        """The request's own call comes now: write what was heard, and its line. Raises FencedOut,
        StoreError."""
        if self._settled is not None:
            await self._holder.write_with(lambda record: self._calls.now(self.settled(record)))

    def _receipt(self, heard: Answered, role: str, why: str) -> Rung:
        record, target = self._holder.record, heard.target
        answer = priced(self._s, heard.completion, target, record.plan, target.asked_in)
        return Rung(answer, why, record.attempts[-1].at, role=role)
