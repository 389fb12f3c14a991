"""The last look before a similar answer is given: a cheap model is asked whether it serves both questions.

Its call has a line of the ledger, a hold and a slot of its own. Whoever dies meanwhile has no similar answer,
and no verifier's call a second time in this delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from penstock.leases.holder import Holder
from penstock.messages.rung import Rung
from penstock.ports import Write
from penstock.requests.answers import priced
from penstock.requests.call import Answered, Calls
from penstock.requests.incoming import Incoming
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import Second
from penstock.services import Services
from penstock.similar.lookup import Look
from penstock.similar.questions import says_yes, verifying

_WHY: Final = "It was asked whether a similar question's answer serves."
_NO: Final = "The verifier does not say that the nearest question's answer serves."
VERIFICATION: Final = "verification"

Also = Callable[[Record], Record]


async def verify(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, look: Look
) -> Also | None:
    """What is to be saved with the answer if it may be given; None: it may not, and the ledger has the line
    of the call that comes now. Raises FencedOut, StoreError."""
    name, found = look.similar.verifier, look.candidate
    if name is None:
        return lambda record: record
    if found is None:
        return None
    second = _second(s, incoming, name, look.question, found.entry.question)
    await calls.not_yet("A similar question was found.")

    def before_it(record: Record) -> tuple[Record, list[Write]]:
        return calls.line_of(record.with_outcome(NOT_CALLED), second)

    await holder.write_with(before_it)
    verifier = Calls(s, holder, second.request, (second.target,), calls.began)
    heard = await verifier.once()
    calls.provider_ms += verifier.provider_ms
    said = _said(s, holder, heard)

    def settled(record: Record) -> Record:
        ended = verifier.made(record, "ok") if said is not None else verifier.noted(record)
        rungs = (*(record.rungs or ()), *([said] if said is not None else []))
        return ended.with_outcome(NOT_CALLED)._replace(rungs=rungs or None)

    if isinstance(heard, Answered) and says_yes(heard.completion.encode()):
        return settled
    look.why, look.candidate = _NO, None
    await holder.write_with(lambda record: calls.now(settled(record)))
    return None


def _second(s: Services, incoming: Incoming, name: str, asked: str, stored: str) -> Second:
    asking = verifying(asked, stored)
    request = replace(incoming.request, messages=tuple(asking["messages"]), params=asking["params"])
    return Second(s.routes.targets[name], request, lambda completion: None)


def _said(s: Services, holder: Holder[Record], heard: object) -> Rung | None:
    if not isinstance(heard, Answered):
        return None
    target = heard.target
    answer = priced(s, heard.completion, target, holder.record.plan, target.asked_in)
    return Rung(answer, _WHY, holder.record.attempts[-1].at, role=VERIFICATION)
