"""Who calls, who waits, who takes over: every admission."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.messages.completion import Usage
from penstock.messages.result import Answer, Cost
from penstock.requests.flight import (
    Admission,
    Adopt,
    Alone,
    CacheEntry,
    Follow,
    Hit,
    Lead,
    admit,
    answered_document,
    cache_document,
)
from penstock.requests.record import Record, State
from penstock.timing import Timing
from tests.unit.requests.records import NOW, after, completed, failed, record

TIMING = Timing()
OURS, THEIRS = "tenants/t/requests/r", "tenants/t/requests/leader"
ANSWER = Answer({"text": "hi"}, None, "m", "openai", "a", Usage(1, 1), Cost(0.1, {}))


def _admit(
    entry: CacheEntry | None,
    flier: Record | None = None,
    leader: Record | None = None,
    *,
    refresh: bool = False,
    ours: Record | None = None,
    at: float = 0,
) -> Admission:
    mine = ours or record()
    return admit(mine, OURS, "key", entry, leader, flier, refresh=refresh, read_at=after(at), timing=TIMING)


def _flown_by(path: str, answer: Answer | None = None) -> CacheEntry:
    return CacheEntry(answer, after(9999), path)


def _leader(state: State = State.LEASED, **fields: Any) -> Record:
    return record(state, flight="key", **fields)


def test_nobody_asked_before_so_we_lead() -> None:
    assert _admit(None) == Lead()


def test_an_answer_is_a_hit_unless_it_is_refreshed_or_too_old() -> None:
    entry = _flown_by(THEIRS, ANSWER)
    assert _admit(entry) == Hit(ANSWER)
    assert _admit(entry, _leader(), refresh=True) == Alone()
    assert _admit(entry, refresh=True) == Lead()
    assert _admit(entry, at=10_000) == Lead()


def test_a_live_leader_is_followed() -> None:
    assert _admit(_flown_by(THEIRS), _leader()) == Follow(THEIRS)


@pytest.mark.parametrize(
    "flier",
    [
        None,
        record(),
        failed(flight="key"),
        completed(flight="key"),
        _leader(lease_until=after(-6)),
        record(State.FOLLOWING, not_before=NOW),
    ],
    ids=["gone", "of another flight", "failed", "completed", "expired", "follows itself"],
)
def test_a_flight_without_a_live_leader_is_taken(flier: Record | None) -> None:
    assert _admit(_flown_by(THEIRS), flier) == Lead()


def test_our_own_flight_is_kept() -> None:
    assert _admit(_flown_by(OURS)) == Lead()


def test_a_leader_that_is_put_aside_is_followed_while_it_fits_our_deadline() -> None:
    parked = _leader(State.PARKED, not_before=after(1000))
    assert _admit(_flown_by(THEIRS), parked) == Follow(THEIRS)
    assert _admit(_flown_by(THEIRS), parked, ours=record(deadline=after(1050))) == Alone()


def test_past_our_deadline_nobody_is_followed() -> None:
    assert _admit(_flown_by(THEIRS), _leader(), ours=record(deadline=after(30)), at=31) == Alone()


@pytest.mark.parametrize("leader", [completed(answer_key="key"), failed("content_refused", answer_key="key")])
def test_a_followers_leader_hands_on_its_answer_or_refusal(leader: Record) -> None:
    ours = record(State.FOLLOWING, following="key", leader=THEIRS)
    assert _admit(None, leader=leader, ours=ours) == Adopt(leader)


@pytest.mark.parametrize(
    "leader",
    [completed(answer_key="other"), failed("deadline_exceeded", answer_key="key"), failed("internal")],
)
def test_another_targets_answer_and_bad_luck_are_not_handed_on(leader: Record) -> None:
    ours = record(State.FOLLOWING, following="key", leader=THEIRS)
    assert _admit(None, leader=leader, ours=ours) == Lead()


def test_a_follower_looks_at_who_flies_now() -> None:
    """Its own leader failed, another one has taken the flight since."""
    ours = record(State.FOLLOWING, following="key", leader="tenants/t/requests/first")
    assert _admit(_flown_by(THEIRS), _leader(), failed(flight="key"), ours=ours) == Follow(THEIRS)


def test_cache_documents_are_read_as_they_were_written() -> None:
    flown = CacheEntry.decode(cache_document(THEIRS, 3, after(9)))
    assert (flown.answer, flown.flight, flown.expires_at) == (None, THEIRS, after(9))
    kept = CacheEntry.decode(answered_document(ANSWER, NOW, TIMING))
    assert (kept.answer, kept.flight) == (ANSWER, None)
