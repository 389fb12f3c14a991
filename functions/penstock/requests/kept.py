"""A call that its provider keeps: what a delivery makes of it, and how it stands when the next one looks."""

from __future__ import annotations

from typing import Final

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.requests.out import Out
from penstock.requests.record import Record
from penstock.requests.seams import seams_of
from penstock.services import Services
from penstock.targets.routes import Target

#: Holders in a row that disappeared over what a call came to.
_POISONED: Final = 3


def stranded() -> ProviderFailure:
    return _unknown("No route has the target any more that keeps the call.")


async def stand_of(
    s: Services, holder: Holder[Record], request: Request
) -> tuple[Out | Completion | ProviderFailure, str]:
    """How the call of the ledger's open line stands, once the rooms have seen it, and who keeps it."""
    record = holder.record
    name = record.attempts[-1].target
    target = s.routes.targets.get(name)
    if target is None:
        return stranded(), name
    if record.takeovers >= _POISONED:
        return _unknown("What the call came to could not be read: whoever tried disappeared."), name
    stand = await _asked_after(s, record, request, target)
    if isinstance(stand, Out):
        return stand, name
    try:
        for seam in seams_of(s):
            await seam.after_call(s, holder, target, stand)
    except ProviderFailure as failure:
        return failure, name
    return stand, name


async def _asked_after(
    s: Services, record: Record, request: Request, target: Target
) -> Out | Completion | ProviderFailure:
    for seam in seams_of(s):
        stand = await seam.ask_after(s, record, request, target)
        if stand is not None:
            return stand
    return stranded()


def _unknown(message: str) -> ProviderFailure:
    return ProviderFailure(FailureClass.AMBIGUOUS, message, reason=Reason.INTERNAL)
