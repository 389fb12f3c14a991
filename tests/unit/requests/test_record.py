"""The record: what is stored is what is read, and a write is the difference of two."""

from __future__ import annotations

import pytest

from penstock.errors import BadMessage, Reason
from penstock.messages.completion import BlobRef
from penstock.requests.record import ATTEMPTS_KEPT, NOT_CALLED, Attempt, Record, State
from tests.unit.requests.records import NOW, completed, record


@pytest.mark.parametrize(
    "one",
    [
        record(),
        record(State.PARKED, not_before=NOW),
        record(payload=None, payload_ref=BlobRef("gs://b/x", 7, "aa")),
        record(attempts=(Attempt(1, "a", NOW), Attempt(2, "b", NOW, "ok", "m"))),
        completed(confirmed_at=NOW),
    ],
)
def test_a_record_is_read_as_it_was_stored(one: Record) -> None:
    assert Record.decode(one.encode()) == one


def test_fields_that_are_not_there_are_not_stored() -> None:
    assert "result" not in record().encode()


def test_fields_of_a_later_version_are_ignored() -> None:
    assert Record.decode(record().encode() | {"of_tomorrow": 1}) == record()


def test_a_write_is_the_difference() -> None:
    old = record()
    new = old._replace(state=State.PARKED, owner=None, not_before=NOW)
    assert new.changes(old) == {"state": "parked", "owner": None, "not_before": NOW}
    assert old.changes(old) == {}


def test_the_ledger_keeps_the_newest_lines_and_every_count() -> None:
    grown = record()
    for number in range(ATTEMPTS_KEPT + 5):
        grown = grown.with_attempt(Attempt(number, "a", NOW))
    assert len(grown.attempts) == ATTEMPTS_KEPT
    assert grown.attempts[-1].fence == ATTEMPTS_KEPT + 4
    assert grown.calls == ATTEMPTS_KEPT + 5


def test_an_outcome_is_written_once() -> None:
    known = record(attempts=(Attempt(1, "a", NOW),)).with_outcome("ok")
    assert known.attempts[-1].outcome == "ok"
    assert known.with_outcome("unknown") == known
    assert record().with_outcome("ok") == record()


@pytest.mark.parametrize(
    "document", [{}, {"state": "strange"}, {"state": "leased"}, {"state": "leased", "fence": 1}]
)
def test_a_document_that_is_no_record_is_said_to_be_unreadable(document: dict[str, object]) -> None:
    with pytest.raises(BadMessage, match="cannot be read") as error:
        Record.decode(document)
    assert error.value.reason is Reason.INTERNAL


def test_a_call_that_never_started_does_not_count() -> None:
    one = record().with_attempt(Attempt(1, "t", NOW))
    assert one.calls == record().calls + 1
    assert one.with_outcome(NOT_CALLED).calls == record().calls
    assert one.with_outcome("ok").calls == one.calls
