"""What is typed after `penstock key create`, before anything is read or written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock_ops.keys.verbs import Wanted
from penstock_ops.terminal.faults import Misuse

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key_id", "fields"),
    [
        ("../x", {}),
        ("a.b", {}),
        ("a" * 65, {}),
        ("a", {"scopes": ("all",)}),
        ("a", {"tenant": "a/b"}),
        ("a", {"longest_wait_s": 40 * 86_400}),
        ("a", {"longest_wait_s": 0}),
    ],
)
def test_what_is_wrong_is_refused(key_id: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Misuse):
        Wanted(key_id, **{"tenant": "acme"} | fields).key(NOW)


def test_without_words_a_key_may_do_everything_for_ever() -> None:
    key = Wanted(None, "acme").key(NOW)
    assert (key.scopes, key.routes, key.ends_at) == (("submit", "read", "batch"), (), None)
    assert Wanted(None, "acme", expires_s=60).key(NOW).ends_at == NOW + timedelta(seconds=60)
