"""A result that is published again is the same bytes, wherever it was kept in between."""

from __future__ import annotations

from penstock.messages.result import response_message


def test_the_order_of_a_map_in_the_store_does_not_change_the_message() -> None:
    # Given a result, and the same one as a store hands it back: a map's fields have no order there
    kept = {
        "tenant": "acme",
        "request_id": "r",
        "status": "completed",
        "model": "m",
        "cost": {"a": 1, "b": 2},
    }
    found = {"cost": {"b": 2, "a": 1}, **{name: kept[name] for name in reversed(kept) if name != "cost"}}

    # I expect the same message
    assert response_message(found, None) == response_message(kept, None)
