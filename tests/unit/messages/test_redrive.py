"""A redrive's attributes, written by the operator's command and read by the handler."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from penstock.errors import BadMessage
from penstock.messages.envelope import parse_time
from penstock.messages.redrive import MAX_REDRIVES, Redrive, redrive_count

DEADLINE = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_what_is_written_is_read() -> None:
    attributes = Redrive("acme", "r", 2, DEADLINE).encode()
    assert redrive_count(attributes) == 2
    assert parse_time(attributes["deadline"]) == DEADLINE
    assert (attributes["tenant"], attributes["request_id"]) == ("acme", "r")


def test_a_clients_request_is_no_redrive() -> None:
    assert redrive_count({"redrive_count": "1"}) is None


@pytest.mark.parametrize("count", ["", "0", "-1", "1.0", "٣", " 1", "01", str(MAX_REDRIVES + 1), "9" * 5000])
def test_a_count_that_cannot_be(count: str) -> None:
    with pytest.raises(BadMessage, match="1 to 3"):
        redrive_count({"penstock_kind": "redrive", "redrive_count": count})


def test_another_kind_is_no_redrive() -> None:
    assert redrive_count({"penstock_kind": "wake"}) is None
