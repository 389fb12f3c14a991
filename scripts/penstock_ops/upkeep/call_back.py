"""Tell a batch that its time is up: whoever holds it is fenced out, and the next batcher does the rest."""

from __future__ import annotations

from typing import Any

from penstock.batches.record import CLOSED, WAITING, Batch
from penstock.errors import PreconditionFailed
from penstock.paths import sharded
from penstock.ports import REMOVE, Update
from penstock.services import Services
from penstock_ops.terminal.faults import OperatorFault

#: A holder may renew its lease at the same moment.
_TRIES = 20


async def call_back(s: Services, path: str, **more: Any) -> Batch | None:
    """What it was, before it got the fields `more` besides; None: there is none, or it is over.

    Without the fence a holder's next write would undo what is said here. Raises OperatorFault, StoreError,
    BadMessage.
    """
    for _ in range(_TRIES):
        [found] = await s.store.read([path], timeout_s=s.timing.read_s)
        batch = None if found.fields is None else Batch.decode(found.fields)
        if batch is None or batch.state == CLOSED:
            return None
        now = s.clock.now()
        changes = {
            # Another write id too: by its own a holder would take this for its last write, and go on.
            "state": WAITING, "fence": batch.fence + 1, "owner": REMOVE, "lease_until": REMOVE,
            "write_id": s.new_id(),
            "escalate_at": min(now, batch.escalate_at), "due_at": sharded(batch.tenant, batch.name, now),
        }  # fmt: skip
        update = Update(path, changes | more, found.version)
        try:
            await s.store.commit([update], timeout_s=s.timing.commit_s)
        except PreconditionFailed:
            continue
        return batch
    raise OperatorFault(f"the batch {path.rpartition('/')[2]} is written all the time; try again.")
