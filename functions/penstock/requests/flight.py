"""Single flight and exact-match cache: may this request call, or does the answer come from elsewhere?

The flight is a field of the cache document: the path of the request that asks this very question now
(docs/design.md §3.5). Whether that leader still flies, its own document says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.leases.lease import is_expired
from penstock.messages.request import CacheMode, Request
from penstock.messages.result import Answer
from penstock.requests.record import Record, State
from penstock.timing import Timing

#: When what cannot be read expired.
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A cache document: an answer that may be there, a flight that may be under way."""

    answer: Answer | None
    expires_at: datetime
    #: Path of the leading request.
    flight: str | None

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> CacheEntry:
        """What no version before wrote counts as expired: it is a cache, and the question can be asked."""
        answer = document.get("answer")
        try:
            return cls(
                answer=Answer.decode(answer) if answer else None,
                expires_at=document["expires_at"],
                flight=document.get("flight"),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls(answer=None, expires_at=_LONG_AGO, flight=None)


@dataclass(frozen=True, slots=True)
class Hit:
    """The cache has the answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Adopt:
    """Our leader's outcome is ours: its record carries the result."""

    leader: Record


@dataclass(frozen=True, slots=True)
class Follow:
    """Wait for the request at `leader`, and look by yourself at `until`; None: as usual."""

    leader: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """Call, and take the flight: by create where there is no cache document, else by compare-and-set."""


@dataclass(frozen=True, slots=True)
class Displace:
    """Call, take the flight of `leader`, which waits in a pile, and make it a follower."""

    leader: Record


@dataclass(frozen=True, slots=True)
class Alone:
    """Call, without a flight: not cacheable, or somebody flies whom we cannot wait for."""


Admission = Hit | Adopt | Follow | Lead | Displace | Alone


def cacheable(request: Request) -> bool:
    """Whether the cache may answer or keep the answer: `auto` leaves out deliberate randomness."""
    if request.cache is CacheMode.AUTO:
        return not request.params.get("temperature")
    return request.cache is not CacheMode.OFF


def admit(
    record: Record,
    path: str,
    key: str,
    entry: CacheEntry | None,
    leader: Record | None,
    flier: Record | None,
    *,
    refresh: bool,
    read_at: datetime,
    timing: Timing,
) -> Admission:
    """What the cacheable request `record` at `path` does, given the cache document of `key`, the document
    of the `leader` that it follows, and that of the `flier` who has the entry's flight now."""
    if record.following == key and leader is not None and _shares_outcome(leader, key):
        return Adopt(leader)
    if entry is None or entry.expires_at < read_at:
        return Lead()
    if entry.answer is not None and not refresh:
        return Hit(entry.answer)
    if entry.flight is None or entry.flight == path:
        return Lead()
    if flier is not None and flier.state is State.LATER:
        return Alone()  # whether that flies, and how long it takes, only a later release can say
    if flier is None or not _flies(flier, key, read_at, timing):
        return Lead()
    if refresh or read_at >= record.deadline or not _fits(flier, record, timing):
        return Alone()
    if flier.state in _IN_A_LANE and flier.escalate_at is not None:
        return _behind_a_lane(record, flier, entry.flight, read_at, timing)
    return Follow(entry.flight)


#: States in which a leader waits for hours, held by nobody.
_IN_A_LANE = frozenset({State.QUEUED, State.SENT})


def _behind_a_lane(
    record: Record, flier: Record, flight: str, read_at: datetime, timing: Timing
) -> Follow | Displace | Alone:
    """Who can wait as well sleeps until one of the two cannot any more: looking each 75 s for six hours would
    cost more than a call. Who cannot, asks now: instead of one that is not sent yet, beside one that is."""
    latest = record.escalate_at
    if latest is None or latest <= read_at:
        return Displace(flier) if flier.state is State.QUEUED else Alone()
    usual = read_at + timedelta(seconds=timing.follow_s)
    theirs = max(flier.escalate_at or usual, usual)
    return Follow(flight, min(latest, theirs))


def cache_document(flight: str, fence: int, expires_at: datetime) -> dict[str, Any]:
    """A cache document that says only who is asking, and under which fence."""
    return {"flight": flight, "flight_fence": fence, "expires_at": expires_at}


def answered_document(answer: Answer, now: datetime, timing: Timing) -> dict[str, Any]:
    """A cache document with its answer; nobody flies any more."""
    return {
        "answer": answer.encode(),
        "stored_at": now,
        "expires_at": now + timedelta(seconds=timing.cache_s),
    }


def _shares_outcome(leader: Record, key: str) -> bool:
    """An outcome of the flight's own target is shared when it is an answer or a refusal."""
    if leader.state is not State.TERMINAL or leader.answer_key != key or leader.result is None:
        return False
    return leader.completed or leader.result["error"]["reason"] in _SHARED


_SHARED = frozenset({"content_refused", "provider_rejected"})


def _flies(leader: Record, key: str, read_at: datetime, timing: Timing) -> bool:
    if leader.flight != key:
        return False
    if leader.state is State.LEASED:
        return not is_expired(leader.lease_until, read_at, timing)
    # One that lacks money may wait for a month: whoever comes asks for some itself.
    return leader.state in _IN_A_LANE or (leader.state is State.PARKED and leader.lacks is None)


def _fits(leader: Record | None, record: Record, timing: Timing) -> bool:
    """A leader that is put aside until too close to our deadline is no one to wait for."""
    if leader is None or leader.state is not State.PARKED or leader.not_before is None:
        return True
    return leader.not_before + timedelta(seconds=timing.follow_s) <= record.deadline
