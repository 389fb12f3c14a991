"""`penstock batches show`: one batch."""

from __future__ import annotations

from penstock.batches.record import Batch
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault
from penstock.paths import batch_path
from penstock.ports import Snapshot
from penstock_ops.batching.listed import told
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system


async def show(tenant: str, name: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault, BadMessage."""
    async with open_system() as system:
        say(f"penstock batches show ← {system.name}")
        _, batch = await get_batch(system, tenant, name)
    if as_json:
        print_json(told(batch))
        return 0
    for field, value in told(batch).items():
        stdout().print(f"{field:<13} {shown(str(value))}", soft_wrap=True)
    return 0


async def get_batch(system: System, tenant: str, name: str) -> tuple[Snapshot, Batch]:
    """Raises Misuse, OperatorFault where there is none, BadMessage."""
    for what, text, limit in (
        ("The batch's name", name, REQUEST_ID_LIMIT),
        ("--tenant", tenant, TENANT_LIMIT),
    ):
        if fault := id_fault(text, limit):
            raise Misuse(f"{what} {fault}.")
    s = system.services
    [found] = await s.store.read([batch_path(tenant, name)], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise OperatorFault(f"there is no batch {name} of tenant {tenant} in {system.name}.")
    return found, Batch.decode(found.fields)
