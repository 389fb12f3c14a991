"""A call beside the request's own, and before it: its line of the ledger, its hold and its slot are its own.

Whoever dies meanwhile leaves a line of unknown outcome, as at any call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.leases.holder import Holder
from penstock.messages.rung import Rung
from penstock.ports import Write
from penstock.requests.answers import priced
from penstock.requests.call import Answered, Calls
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import Second
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Heard:
    """`completion`: what was said, as a result has it; None: nothing was heard. `settled`: the record that
    says so, to be written with what comes next."""

    completion: Mapping[str, Any] | None
    settled: Callable[[Record], Record]


class Beside:
    """Asks others in the delivery of `calls`, which have not begun."""

    def __init__(self, s: Services, holder: Holder[Record], calls: Calls) -> None:
        self._s, self._holder, self._calls = s, holder, calls

    async def ask(self, second: Second, role: str, why: str) -> Heard:
        """One call; `role` and `why` are its receipt's. Raises FencedOut, StoreError."""
        calls, holder = self._calls, self._holder
        await calls.not_yet(why)

        def before_it(record: Record) -> tuple[Record, list[Write]]:
            return calls.line_of(record.with_outcome(NOT_CALLED), second)

        await holder.write_with(before_it)
        asked = Calls(self._s, holder, second.request, (second.target,), calls.began)
        heard = await asked.once()
        calls.provider_ms += asked.provider_ms
        said = self._receipt(heard, role, why) if isinstance(heard, Answered) else None

        def settled(record: Record) -> Record:
            ended = asked.made(record, "ok") if said is not None else asked.noted(record)
            rungs = (*(record.rungs or ()), *([said] if said is not None else ()))
            return ended.with_outcome(NOT_CALLED)._replace(rungs=rungs or None)

        return Heard(heard.completion.encode() if isinstance(heard, Answered) else None, settled)

    async def go_on(self, heard: Heard) -> None:
        """The request's own call comes now: write what was heard, and its line. Raises FencedOut,
        StoreError."""
        await self._holder.write_with(lambda record: self._calls.now(heard.settled(record)))

    def _receipt(self, heard: Answered, role: str, why: str) -> Rung:
        record, target = self._holder.record, heard.target
        answer = priced(self._s, heard.completion, target, record.plan, target.asked_in)
        return Rung(answer, why, record.attempts[-1].at, role=role)
