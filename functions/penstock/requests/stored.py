"""A stored request as this release can read it, or not: one of a later release, or damaged, stops nobody."""

from __future__ import annotations

from penstock.errors import BadMessage
from penstock.ports import Snapshot
from penstock.requests.record import Record


def record_of(found: Snapshot) -> Record | None:
    """The record of a document that is there; None: it cannot be read."""
    try:
        return Record.decode(found.fields or {})
    except BadMessage:
        return None
