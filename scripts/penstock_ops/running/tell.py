"""`penstock run cancel|pause|resume|redrive`: a word to a run that is there."""

from __future__ import annotations

from penstock.runs.message import Verb
from penstock.runs.telling import standing, verb_fault
from penstock.runs.telling import tell as tell_run
from penstock_ops.running.budget import budget_of
from penstock_ops.running.reach import check_switched_on, get_run
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import open_system


async def tell(verb: str, run_id: str, tenant: str, *, as_json: bool, budget_usd: float | None = None) -> int:
    """The exit code. Raises Misuse, OperatorFault where the verb means nothing to the run as it is."""
    nano = budget_of(budget_usd)
    async with open_system() as system:
        say(f"penstock run {verb} {run_id} → {system.name}")
        check_switched_on(system)
        run = await get_run(system, tenant, run_id)
        if fault := verb_fault(Verb(verb), run, nano):
            raise OperatorFault(fault)
        await tell_run(system.services, run, Verb(verb), nano)
    if as_json:
        print_json({"tenant": tenant, "run_id": run_id, "told": verb, "status": standing(run)})
    else:
        stdout().print(f"told to {verb}: {run_id} (it was {standing(run)})", markup=False)
    return 0
