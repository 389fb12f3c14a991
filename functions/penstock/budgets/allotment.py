"""The allotment: what one instance has drawn from its accounts, as it lies in the store.

One instance writes it, by compare-and-set, so that of a write whose outcome nobody knew only one can land;
then somebody closes it, once, when its time is over and nobody holds any of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.budgets.accounts import GRANTED, RETURNED, Touched
from penstock.errors import AlreadyExists, PreconditionFailed, StoreUnavailable
from penstock.paths import allotment_path, sharded
from penstock.ports import Create, Fields, Update, Version, Write
from penstock.services import Services

#: How often an outcome that nobody knows is looked at before it is left alone.
_LOOKS = 8


class Lapsed(Exception):
    """Somebody has closed it: its time was over."""


@dataclass(slots=True)
class Allotment:
    """`granted` and `returned` in nano-dollars, as our last write left them; `version` None: not written."""

    name: str
    touched: Touched
    lease_end: datetime
    granted: int = 0
    returned: int = 0
    version: Version | None = None

    @property
    def path(self) -> str:
        return allotment_path(self.name)

    async def draw(self, s: Services, nano: int) -> dict[str, Fields]:
        """Add `nano` here and to every account, in one write; what that left in each account's counters.

        Raises Lapsed; StoreUnavailable when nothing could be learned: it may have landed, and is then
        returned when this is closed.
        """
        return await self._write(s, GRANTED, nano)

    async def give_back(self, s: Services, nano: int) -> dict[str, Fields]:
        """Return `nano` of what is unspent to every account. Raises alike."""
        return await self._write(s, RETURNED, nano)

    async def _write(self, s: Services, name: str, nano: int) -> dict[str, Fields]:
        sent = s.new_id()
        for _ in range(_LOOKS):
            accounts = self.touched.added(name, nano)
            try:
                done = await s.store.commit(
                    [self._own(name, nano, sent), *accounts], timeout_s=s.timing.commit_s
                )
            except (AlreadyExists, PreconditionFailed, StoreUnavailable):
                landed = await self._landed(s, sent)
                if landed is not None:
                    return landed
                await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 4)
                continue
            self.version = done.versions[0]
            setattr(self, name, getattr(self, name) + nano)
            return dict(zip(self.touched.accounts, done.results[1:], strict=True))
        raise StoreUnavailable("A draw found no confirmation in time.")

    def _own(self, name: str, nano: int, sent: str) -> Write:
        changed = {name: getattr(self, name) + nano, "write_id": sent}
        if self.version is not None:
            return Update(self.path, changed, self.version)
        first: dict[str, Any] = {
            **self.touched.encode(),
            GRANTED: 0,
            RETURNED: 0,
            "lease_end": self.lease_end,
            "due_at": sharded(ALLOTTED, self.name, self.lease_end),
        }
        return Create(self.path, first | changed)

    async def _landed(self, s: Services, sent: str) -> dict[str, Fields] | None:
        """The accounts as they are now where the write did land: with what others have added since, which at
        worst refuses too much. Raises Lapsed, StoreUnavailable."""
        found, *accounts = await s.store.read([self.path, *self.touched.accounts], timeout_s=s.timing.read_s)
        self.version, fields = found.version, found.fields or {}
        # An earlier write of ours that nobody knew of may have landed since.
        self.granted, self.returned = fields.get(GRANTED, 0), fields.get(RETURNED, 0)
        if fields.get("write_id") == sent:
            return {account.path: account.fields or {} for account in accounts}
        if fields and "due_at" not in fields:
            raise Lapsed
        return None


#: What takes a tenant's place where the sharded times of allotments are spread.
ALLOTTED = "allotments"
