"""Orphans: paid answers beside a request, which came while somebody else held it, or after its end."""

from __future__ import annotations

from penstock.ports import Fields
from penstock.requests.record import Record


def is_for(fields: Fields, record: Record) -> bool:
    """Whether an orphan answers `record` as it is now.

    Who had been told that a life failed asks anew; but a line of a batch was still out when its life ended,
    and answers a later one.
    """
    count = fields.get("redrive_count")
    earlier = "line" in fields and (count or 0) < record.redrive_count
    ours = count == record.redrive_count or earlier
    return ours and fields.get("life") == record.created_at
