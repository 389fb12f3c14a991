"""Retry-After in all the forms that servers send, and the nonsense too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.targets.retry_after import retry_after_s

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        # Seconds, whole and not, whatever the header's case.
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"RETRY-AFTER": " 30 "}, 30.0),
        ({"Retry-After": "0"}, 0.0),
        # An HTTP date: ahead, past, of another zone, without a zone (then it is UTC).
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 14:00:00 +0100"}, 3600.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:05"}, 5.0),
        # Milliseconds go first, unless they are nonsense.
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "9"}, 9.0),
        # A long wait is told as it is; how far it is believed is the retry rule's business.
        ({"Retry-After": "999999999"}, 999999999.0),
        # Nothing usable.
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"retry-after-ms": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "9" * 500}, None),
        ({"Retry-After": "Sat, 99 Nov 2026 12:01:30 GMT"}, None),
        ({"Retry-After": "Sat, 21 Nov 99999 12:01:30 GMT"}, None),
    ],
)
def test_what_a_header_says(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


@given(st.text(), st.text())
def test_no_header_whatever_its_text_breaks_the_reading(after: str, milliseconds: str) -> None:
    # Given any two headers, I expect nothing or a finite wait that is not negative.
    wait = retry_after_s({"Retry-After": after, "retry-after-ms": milliseconds}, NOW)
    assert wait is None or 0 <= wait < float("inf")
