"""Where the door hangs on a request's life: the claim of a call leaves a pointer for its retries, and who
cancelled a response is not charged for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from penstock.door.background import is_background, read_background
from penstock.door.identity import POINTER, pointing
from penstock.door.keyring import Keyring
from penstock.door.previous import PAST, Past
from penstock.errors import Reason
from penstock.leases.holder import Holder
from penstock.ports import Write
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target


class Door(Seam):
    """`keys`: whether callers show a key; otherwise the platform has let them in."""

    def __init__(self, *, keys: bool) -> None:
        self.keyring = Keyring() if keys else None
        #: Requests that are worked on here: they go on when whoever asked has gone.
        self.under_way: set[asyncio.Task[Any]] = set()

    def goes_on(self, task: asyncio.Task[Any]) -> None:
        """Keep `task` until it ends, whoever waits for it by then: its fault may be nobody's."""
        self.under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()

    def with_claim(self, s: Services, incoming: Incoming, record: Record) -> Sequence[Write]:
        if not incoming.is_new:
            return ()
        attributes, writes = incoming.envelope.attributes, []
        if (pointer := attributes.get(POINTER)) is not None:
            writes.append(pointing(s, record.tenant, pointer, record.request_id))
        if (past := attributes.get(PAST)) is not None:
            writes.append(Past.from_attribute(past).keeping(s, record.tenant, record.request_id))
        return writes

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        record = holder.record
        # A word to a redrive is the operator's, and counts more.
        if not is_background(record.request_id) or record.redrive_count:
            return None
        kept = await read_background(s, record.tenant, record.request_id)
        if kept is not None and kept.cancelled_at is not None:
            return Fail(Reason.CANCELLED, "Whoever asked has cancelled it.")
        return None


def door_of(s: Services) -> Door | None:
    """None: the door is switched off."""
    return next((seam for seam in s.seams if isinstance(seam, Door)), None)
