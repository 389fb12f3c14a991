"""Documents come back from their JSON text as they went in, also where a name looks like a tag."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.adapters.stores.sqlite_codec import decode, encode

_NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {"at": _NOW, "data": b"\x00\xff", "far": float("inf")},
        {"deep": {"at": _NOW, "list": [{"data": b"x"}, _NOW]}},
        {"$time": "a field that is only called so"},
        {"$bytes": "AA=="},
        {"map": {"$time": "no time", "in": {"$map": {"$bytes": "AA=="}}}},
        {"text": '"$map"', "like": {"$float": "inf"}},
        {"$map": {"at": _NOW}},
    ],
)
def test_what_is_written_is_read_back(fields: dict[str, Any]) -> None:
    assert decode(encode("tenants/t/requests/r", fields)[0]) == fields
