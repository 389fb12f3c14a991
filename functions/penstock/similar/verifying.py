"""The last look before a similar answer is given: a cheap model is asked whether it serves both questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from penstock.requests.beside import Beside
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Second
from penstock.services import Services
from penstock.similar.lookup import Look
from penstock.similar.questions import says_yes, verifying

_WHY: Final = "It was asked whether a similar question's answer serves."
_NO: Final = "The verifier does not say that the nearest question's answer serves."
VERIFICATION: Final = "verification"

Also = Callable[[Record], Record]


async def verify(s: Services, incoming: Incoming, beside: Beside, look: Look) -> Also | None:
    """What is to be saved with the answer if it may be given; None: it may not, and the ledger has the line
    of the call that comes now. Raises FencedOut, StoreError."""
    name, found = look.similar.verifier, look.candidate
    if name is None:
        return lambda record: record
    if found is None:
        return None
    second = _second(s, incoming, name, look.question, found.entry.question)
    heard = await beside.ask(second, VERIFICATION, _WHY)
    if says_yes(heard.completion):
        return heard.settled
    look.why, look.candidate = _NO, None
    await beside.go_on(heard)
    return None


def _second(s: Services, incoming: Incoming, name: str, asked: str, stored: str) -> Second:
    asking = verifying(asked, stored)
    request = replace(incoming.request, messages=tuple(asking["messages"]), params=asking["params"])
    return Second(s.routes.targets[name], request, lambda completion: None)
