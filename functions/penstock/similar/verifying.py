"""The last look before a similar answer is given: a cheap model is asked whether it serves both questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from penstock.requests.beside import Beside
from penstock.requests.incoming import Incoming
from penstock.requests.seams import Second
from penstock.services import Services
from penstock.similar.lookup import Look
from penstock.similar.questions import says_yes, verifying

_WHY: Final = "It was asked whether a similar question's answer serves."
_NO: Final = "The verifier does not say that the nearest question's answer serves."
VERIFICATION: Final = "verification"


async def verify(s: Services, incoming: Incoming, beside: Beside, look: Look) -> bool:
    """Whether the candidate's answer may be given. Raises FencedOut, StoreError."""
    name, found = look.similar.verifier, look.candidate
    if found is None:
        return False
    if name is None:
        return True
    second = _second(s, incoming, name, look.question, found.entry.question)
    if says_yes(await beside.ask(second, VERIFICATION, _WHY)):
        return True
    look.why, look.candidate = _NO, None
    return False


def _second(s: Services, incoming: Incoming, name: str, asked: str, stored: str) -> Second:
    asking = verifying(asked, stored)
    request = replace(incoming.request, messages=tuple(asking["messages"]), params=asking["params"])
    return Second(s.routes.targets[name], request)
