"""What a reader finds, what a message is to it, and that the table answers every pair."""

from __future__ import annotations

import pytest

from penstock.messages.plan import Plan
from penstock.requests.lifecycle import (
    TABLE,
    Action,
    Arrival,
    Seen,
    arrival_of_redrive,
    arrival_of_request,
    arrival_of_wake,
    seen,
)
from penstock.requests.record import Record, State
from penstock.timing import Timing
from tests.unit.requests.records import NOW, after, completed, failed, record

TIMING = Timing()


def _plan(seconds: float) -> Plan:
    return Plan("batch", ("lazy", "prompt"), None, None, 1.0, NOW, after(seconds))


@pytest.mark.parametrize(
    ("found", "at", "expected"),
    [
        (None, 0, Seen.ABSENT),
        (record(), 64.9, Seen.LEASED),
        (record(), 65.1, Seen.EXPIRED),
        (record(State.PARKED, not_before=after(100)), 98, Seen.PARKED),
        (record(State.PARKED, not_before=after(100)), 99.5, Seen.DUE),
        (record(State.FOLLOWING, not_before=after(100)), 200, Seen.FOLLOWING),
        (record(State.QUEUED, plan=_plan(100)), 99, Seen.QUEUED),
        (record(State.QUEUED, plan=_plan(100)), 100, Seen.LEAVING),
        (record(State.QUEUED), 0, Seen.LEAVING),
        (record(State.SENT, plan=_plan(100)), 3600.9, Seen.SENT),
        (record(State.SENT, plan=_plan(100)), 3601, Seen.OVERDUE),
        (completed(), 0, Seen.COMPLETED),
        (failed(), 0, Seen.FAILED),
        (completed(confirmed_at=NOW), 0, Seen.COMPLETED_CONFIRMED),
        (failed(confirmed_at=NOW), 0, Seen.FAILED_CONFIRMED),
        (completed(confirmed_at=NOW, expires_at=after(50)), 51, Seen.RETIRED),
        (completed(confirmed_at=NOW, expires_at=after(50)), 50, Seen.COMPLETED_CONFIRMED),
    ],
)
def test_what_a_reader_finds(found: Record | None, at: float, expected: Seen) -> None:
    assert seen(found, after(at), TIMING) is expected


def test_the_table_answers_every_message_in_every_state() -> None:
    assert set(TABLE) == set(Seen)
    assert all(set(row) == set(Arrival) for row in TABLE.values())


def test_what_is_durable_is_never_nacked_for_a_delivery() -> None:
    """RETURN nacks: only a redrive that came before its failure was confirmed may come again."""
    returned = [
        (state, arrival) for state, row in TABLE.items() for arrival in row if row[arrival] is Action.RETURN
    ]
    assert returned == [(Seen.FAILED, Arrival.REDRIVE)]


def test_a_stale_message_never_does_anything() -> None:
    assert {row[Arrival.STALE] for row in TABLE.values()} == {Action.ACK}


def test_no_message_reopens_what_is_completed() -> None:
    for state in (Seen.COMPLETED, Seen.COMPLETED_CONFIRMED):
        assert set(TABLE[state].values()) <= {Action.ACK, Action.PUBLISH, Action.DEAD_LETTER}


@pytest.mark.parametrize(
    ("message_id", "digest", "expected"),
    [
        ("m1", "aa", Arrival.DELIVERY),
        ("m1", "bb", Arrival.DELIVERY),  # never in conflict with itself
        ("m2", "aa", Arrival.REPUBLISH),
        ("m2", "bb", Arrival.CONFLICT),
    ],
)
def test_what_a_message_is(message_id: str, digest: str, expected: Arrival) -> None:
    assert arrival_of_request(record(), message_id, digest) is expected
    assert arrival_of_request(None, message_id, digest) is Arrival.DELIVERY


def test_what_a_wake_is() -> None:
    assert arrival_of_wake(record(), 3) is Arrival.WAKE
    assert arrival_of_wake(record(), 2) is Arrival.STALE
    assert arrival_of_wake(None, 1) is Arrival.STALE


@pytest.mark.parametrize(
    ("count", "digest", "expected"),
    [
        (2, "aa", Arrival.REDRIVE),
        (2, "bb", Arrival.CONFLICT),
        (1, "aa", Arrival.DELIVERY),
        (1, "bb", Arrival.CONFLICT),
        (3, "aa", Arrival.STALE),
    ],
)
def test_what_a_redrive_is(count: int, digest: str, expected: Arrival) -> None:
    assert arrival_of_redrive(record(redrive_count=1), count, digest) is expected
