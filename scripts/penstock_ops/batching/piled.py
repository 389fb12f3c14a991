"""What waits for a tenant's next batches: its piles."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.batches.pile import Pile
from penstock.paths import PILES, REQUESTS
from penstock.ports import Fields
from penstock.services import Services
from penstock_ops.batching.documents import documents


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many requests wait for `target`; they are looked at `next_at`."""

    tenant: str
    target: str
    count: int
    next_at: datetime

    def told(self) -> dict[str, Any]:
        """What a program is told."""
        return {
            "batch": None, "tenant": self.tenant, "target": self.target, "stage": "waiting",
            "members": self.count, "next_at": self.next_at,
        }  # fmt: skip


async def waiting(s: Services, tenant: str) -> list[Waiting]:
    """The piles that somebody waits in, the next to be looked at first. Raises StoreError."""
    piles = [pile.fields or {} async for pile in documents(s, tenant, PILES)]
    found = await asyncio.gather(*(_counted(s, fields) for fields in piles if "open_since" in fields))
    return sorted((one for one in found if one.count), key=lambda one: one.next_at)


async def _counted(s: Services, fields: Fields) -> Waiting:
    pile = Pile(fields["tenant"], fields["pile"])
    counts = [
        s.store.count(REQUESTS, "waits", low, high, timeout_s=s.timing.read_s) for low, high in pile.ranges()
    ]
    return Waiting(pile.tenant, fields["target"], sum(await asyncio.gather(*counts)), fields["ripe_at"])
