"""The audit log: what was done by way of the console, by whom, and what came of it.

An action is written down before it is begun, so that none goes unseen: what cannot be is not done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from penstock import log
from penstock.console.asked import Asked
from penstock.paths import AUDIT, audit_path
from penstock.ports import Create, Merge
from penstock.services import Services

#: Names count down, so that the newest comes first without an index; this lies in the year 2286.
_LAST_US: Final = 10**16


@dataclass(frozen=True, slots=True)
class Action:
    """One line. `outcome`: begun, done or failed; `requests`: (tenant, id) of what was redriven."""

    name: str
    at: datetime
    who: str
    what: str
    outcome: str
    said: str
    requests: Sequence[tuple[str, str]] = field(default=())

    @classmethod
    def decode(cls, name: str, document: Mapping[str, Any]) -> Action:
        pairs = [(one["tenant"], one["request_id"]) for one in document.get("requests", ())]
        words = {word: str(document[word]) for word in ("who", "what", "outcome", "said")}
        return cls(name, document["at"], requests=pairs, **words)


async def begin(s: Services, asked: Asked, what: str, about: str) -> str:
    """Write down what is about to be done; its name. Raises StoreError."""
    at = s.clock.now()
    name = f"{_LAST_US - round(at.timestamp() * 1_000_000):016d}-{s.new_id()}"
    fields = {"at": at, "who": asked.who.name, "what": what, "outcome": "begun", "said": about}
    await s.store.commit([Create(audit_path(name), fields)], timeout_s=s.timing.commit_s)
    log.event("console.action", f"{what}: {about}", who=asked.who.name, what=what, audit=name)
    return name


async def end(
    s: Services, name: str, outcome: str, said: str, requests: Sequence[tuple[str, str]] = ()
) -> None:
    """What came of it. Raises StoreError."""
    pairs = [{"tenant": tenant, "request_id": request_id} for tenant, request_id in requests]
    fields: dict[str, Any] = {"outcome": outcome, "said": said, "requests": pairs}
    await s.store.commit([Merge(audit_path(name), fields)], timeout_s=s.timing.commit_s)
    log.event("console.ended", said, outcome=outcome, audit=name)


async def newest(s: Services, after: str, limit: int) -> list[Action]:
    """The newest first. Raises StoreError."""
    found = await s.store.scan(AUDIT, after=after, limit=limit, timeout_s=s.timing.read_s)
    return [Action.decode(one.path.rpartition("/")[2], one.fields or {}) for one in found]


async def read(s: Services, name: str) -> Action | None:
    """Raises StoreError."""
    [found] = await s.store.read([audit_path(name)], timeout_s=s.timing.read_s)
    return Action.decode(name, found.fields) if found.fields is not None else None
