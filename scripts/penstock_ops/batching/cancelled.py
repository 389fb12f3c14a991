"""`penstock batches cancel`: its time is up now; the batcher does the rest."""

from __future__ import annotations

from penstock.batches.record import CLOSED
from penstock.errors import PreconditionFailed
from penstock.paths import sharded
from penstock.ports import Update
from penstock_ops.batching.listed import told
from penstock_ops.batching.shown import get_batch
from penstock_ops.terminal.console import print_json, say
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import open_system

#: A batcher may write at the same moment.
_TRIES = 5


async def cancel(tenant: str, name: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault, BadMessage."""
    async with open_system() as system:
        s = system.services
        for _ in range(_TRIES):
            found, batch = await get_batch(system, tenant, name)
            if batch.state == CLOSED:
                raise OperatorFault(f"the batch {name} is over: there is nothing to call back.")
            now = s.clock.now()
            changes: dict[str, object] = {"escalate_at": min(now, batch.escalate_at)}
            if batch.owner is None:
                changes |= {"due_at": sharded(tenant, name, now)}
            try:
                await s.store.commit(
                    [Update(found.path, changes, found.version)], timeout_s=s.timing.commit_s
                )
                break
            except PreconditionFailed:
                continue
        else:
            raise OperatorFault(f"the batch {name} is being worked on; try again.")
    if as_json:
        print_json(told(batch) | {"asked": "cancel"})
    else:
        say(f"{name} is called back within a minute. `penstock batches show {name}` tells what became of it.")
    return 0
