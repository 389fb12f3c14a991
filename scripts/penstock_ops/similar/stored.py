"""Stored results whose questions another's answer might have served: what `similar learn` replays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from penstock.messages.request import CacheMode
from penstock.paths import REQUESTS
from penstock.ports import Snapshot
from penstock.requests.incoming import Incoming, incoming_wake
from penstock.requests.record import Record
from penstock.requests.room import wake_of
from penstock.requests.stored import record_of
from penstock.services import Services
from penstock.similar.eligible import question_of

#: Documents of one query.
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored result whose question another's answer might have served."""

    found: Snapshot
    record: Record
    incoming: Incoming
    question: str

    @property
    def answer(self) -> str:
        return str((self.record.result or {})["completion"]["text"])


async def stored(s: Services, tenant: str, alias: str, since: datetime | None) -> AsyncIterator[Asked]:
    """Results of calls of their own, by that route, with a question of text alone."""
    after = ""
    while True:
        page = await s.store.scan(
            f"tenants/{tenant}/{REQUESTS}", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for found in page:
            asked = await _asked(s, alias, since, found)
            if asked is not None:
                yield asked
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]


async def _asked(s: Services, alias: str, since: datetime | None, found: Snapshot) -> Asked | None:
    record = record_of(found)
    if record is None or record.answer_key is None or not record.completed or record.judges is not None:
        return None
    result = record.result or {}
    said = result["completion"]
    if result["cache"] != "miss" or said is None or said["tool_calls"] or said["finish_reason"] != "stop":
        return None
    if since is not None and datetime.fromisoformat(result["completed_at"]) < since:
        return None
    incoming = await incoming_wake(s, wake_of(record), record)
    request = replace(incoming.request, cache=CacheMode.SIMILAR)
    question = question_of(request)
    if question is None or (request.model or s.routes.default) != alias or not incoming.targets:
        return None
    incoming = replace(incoming, request=request, key=record.answer_key)
    return Asked(found, record, incoming, question)


def ended(asked: Asked) -> str:
    return str((asked.record.result or {})["completed_at"])
