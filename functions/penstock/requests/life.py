"""A request's life: its time under one redrive count."""

from __future__ import annotations

from datetime import datetime

from penstock.paths import time_of
from penstock.requests.record import Record


def began(record: Record) -> datetime:
    """When this life began: with its message, or with the redrive that opened it again."""
    if record.redrive_count == 0 or record.open_since is None:
        return record.published_at
    return time_of(record.open_since)
