"""`penstock batches cancel`: its time is up now; the batcher does the rest."""

from __future__ import annotations

from penstock_ops.batching.listed import told
from penstock_ops.batching.shown import get_batch
from penstock_ops.terminal.console import print_json, say
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import open_system
from penstock_ops.upkeep.call_back import call_back


async def cancel(tenant: str, name: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault, BadMessage."""
    async with open_system() as system:
        found, _ = await get_batch(system, tenant, name)
        batch = await call_back(system.services, found.path)
        if batch is None:
            raise OperatorFault(f"the batch {name} is over: there is nothing to call back.")
    if as_json:
        print_json(told(batch) | {"asked": "cancel"})
    else:
        say(f"{name} is called back within a minute. `penstock batches show {name}` tells what became of it.")
    return 0
