"""What a callback tells: its own data, or the result of the very end that it is about, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.callbacks.body import Gone, told
from penstock.callbacks.changes import owed
from penstock.callbacks.record import About, Callback, Kind
from penstock.messages.addressee import Addressee
from penstock.timing import Timing
from tests.unit.requests.records import record

BORN = datetime(2026, 11, 28, tzinfo=UTC)
RESULT = {"status": "completed", "completion": {"text": "yes"}}


def _callback(data: dict[str, Any] | None = None) -> Callback:
    end = About(Kind.REQUEST, "r1", BORN)
    return owed("t", Addressee("crm"), end, "completed", "", data, BORN, Timing())


def _document(**fields: Any) -> dict[str, Any]:
    terminal = {"state": "terminal", "result": RESULT, "created_at": BORN, "redrive_count": 0}
    return record().encode() | terminal | fields


def test_the_stored_result_is_told() -> None:
    assert told(_callback(), _document()) == RESULT


def test_what_the_callback_keeps_is_told_whatever_the_document_says_now() -> None:
    assert told(_callback({"status": "failed"}), _document()) == {"status": "failed"}
    assert told(_callback({"status": "failed"}), None) == {"status": "failed"}


@pytest.mark.parametrize(
    "document",
    [
        *(None, {"nothing": "of ours"}, _document(result=None), _document(redrive_count=1)),
        *(_document(state="leased"), _document(created_at=BORN + timedelta(days=40))),
    ],
)
def test_another_life_is_not_told_of(document: dict[str, Any] | None) -> None:
    with pytest.raises(Gone):
        told(_callback(), document)
