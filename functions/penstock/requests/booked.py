"""What a tenant's usage was counted to be (booking.py), for whoever looks on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Final

from penstock.paths import USAGE
from penstock.ports import Snapshot
from penstock.services import Services

#: Documents of one query.
_BATCH: Final = 300


async def booked(s: Services, tenant: str, since: date) -> AsyncIterator[Snapshot]:
    """The tenant's usage documents of the days (UTC) from `since` on, the earliest first.

    A day has one for each shard of each model, lane and tier, and their names begin with it.

    Raises StoreError.
    """
    collection, after = f"tenants/{tenant}/{USAGE}", since.isoformat()
    while True:
        page = await s.store.scan(collection, after=after, limit=_BATCH, timeout_s=s.timing.read_s)
        for found in page:
            yield found
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]
