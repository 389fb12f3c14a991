"""The look for a similar question: the nearest three, guard, its answer; and where its way stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from penstock.messages.result import Answer
from penstock.messages.rung import Rung
from penstock.paths import SIMILAR, cache_path, evidence_path
from penstock.ports import Near, Vector
from penstock.requests.flight import CacheEntry
from penstock.requests.incoming import Incoming
from penstock.services import Services
from penstock.similar.entry import Entry
from penstock.similar.evidence import THRESHOLDS, Way
from penstock.similar.guard import objection
from penstock.similar.scope import scope_of
from penstock.similar.standing import Standing
from penstock.targets.similarity import Similar

#: How many neighbours are looked at: the guard may object to the first.
NEAREST: Final = 3
#: Characters of an answer that may stand for another question: a judge has to read it, and a record keeps it.
LONGEST: Final = 16_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that would stand, and the question that it is of, which lies at `path`."""

    path: str
    entry: Entry
    cosine: float
    answer: Answer

    @property
    def text(self) -> str:
        return str((self.answer.completion or {})["text"])


@dataclass(slots=True)
class Look:
    """What one delivery has found so far: `why` there is no candidate; `paid` beside the answer."""

    question: str
    way: Way
    similar: Similar
    scope: str
    key: str
    target: str
    params: Mapping[str, Any]
    vector: tuple[float, ...] = ()
    standing: Standing | None = None
    candidate: Candidate | None = None
    why: str = "The look for a similar question failed."
    paid: list[Rung] = field(default_factory=list)
    #: Whether its candidate is to be judged, or was given.
    judge: bool = False
    given: bool = False


async def look_around(s: Services, incoming: Incoming, look: Look) -> None:
    """Fill `look`, which has its vector. Raises whatever a part raises: what is known by then is in it."""
    tenant = incoming.request.tenant
    vector = Vector(look.vector)
    near, [evidence] = await asyncio.gather(
        s.store.nearest(
            f"tenants/{tenant}/{SIMILAR}", look.scope, vector, limit=NEAREST, timeout_s=s.timing.read_s
        ),
        s.store.read([evidence_path(tenant, look.way.name)], timeout_s=s.timing.read_s),
    )
    look.standing = Standing.decode(evidence.fields)
    if look.standing.closed:
        look.why = "Too many similar answers of this way were wrong: it is closed."
        return
    found = _first(look, near, s.clock.now())
    if found is not None:
        await _answer_of(s, tenant, look, *found)


def looked(incoming: Incoming, question: str, way: Way, similar: Similar) -> Look:
    """A look that begins."""
    scope, target, params = (
        scope_of(incoming, way.embedder),
        incoming.targets[0].name,
        incoming.request.params,
    )
    return Look(question, way, similar, scope, incoming.key or "", target, params)


def _first(look: Look, near: Sequence[Near], now: datetime) -> tuple[Near, Entry] | None:
    """The nearest question that nothing speaks against."""
    look.why = "No similar question was answered before."
    for found in near:
        entry = Entry.decode(found.snapshot.fields or {})
        if found.cosine < THRESHOLDS[0]:
            break
        if entry.expires_at <= now or entry.key == look.key:
            continue
        against = objection(look.question, entry.question)
        if against is None:
            return found, entry
        look.why = f"The guard objects to the nearest question: {against}."
    return None


async def _answer_of(s: Services, tenant: str, look: Look, near: Near, entry: Entry) -> None:
    [cached] = await s.store.read([cache_path(tenant, entry.key)], timeout_s=s.timing.read_s)
    known = CacheEntry.decode(cached.fields) if cached.fields is not None else None
    if known is None or known.answer is None or known.expires_at <= cached.read_at:
        look.why = "The answer of the nearest question is gone."
        return
    if not stands_alone(known.answer):
        look.why = "The answer of the nearest question is too long to stand for another."
        return
    look.candidate = Candidate(near.snapshot.path, entry, min(near.cosine, 1.0), known.answer)


def stands_alone(answer: Answer) -> bool:
    """Whether an answer may stand for another question: a whole text that a judge can read."""
    said = answer.completion
    if said is None or said["tool_calls"] or said["finish_reason"] != "stop":
        return False
    return len(str(said["text"]).strip()) > 0 and len(str(said["text"])) <= LONGEST
