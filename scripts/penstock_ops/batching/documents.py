"""All documents of one kind of a tenant's."""

from __future__ import annotations

from collections.abc import AsyncIterator

from penstock.ports import Snapshot
from penstock.services import Services

_PAGE = 300


async def documents(s: Services, tenant: str, kind: str) -> AsyncIterator[Snapshot]:
    """Those directly in `kind`, by id. Raises StoreError."""
    after = ""
    while True:
        page = await s.store.scan(
            f"tenants/{tenant}/{kind}", after=after, limit=_PAGE, timeout_s=s.timing.read_s
        )
        for found in page:
            yield found
        if len(page) < _PAGE:
            return
        after = page[-1].path.rpartition("/")[2]
