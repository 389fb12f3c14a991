"""`penstock run cancel|pause|resume|redrive`: a word to a run that is there."""

from __future__ import annotations

from penstock.runs.message import Told, Verb
from penstock.runs.record import Run, State
from penstock_ops.running.picture import standing
from penstock_ops.running.reach import check_switched_on, get_run
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import open_system


async def tell(verb: str, run_id: str, tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault where the verb means nothing to the run as it is."""
    async with open_system() as system:
        say(f"penstock run {verb} {run_id} → {system.name}")
        check_switched_on(system)
        run = await get_run(system, tenant, run_id)
        told = Told(Verb(verb), tenant, run_id, run.generation + 1 if verb == Verb.REDRIVE else 0)
        _check(told.verb, run)
        s = system.services
        await s.bus.publish(s.topics.runs, b"", told.encode(), timeout_s=s.timing.publish_s)
    if as_json:
        print_json({"tenant": tenant, "run_id": run_id, "told": verb, "status": standing(run)})
    else:
        stdout().print(f"told to {verb}: {run_id} (it was {standing(run)})", markup=False)
    return 0


def _check(verb: Verb, run: Run) -> None:
    over = run.state is State.DONE
    if verb is Verb.REDRIVE and not over:
        raise OperatorFault("the run is not over: it is redriven when it has ended, or cancel it first.")
    if verb is Verb.REDRIVE and run.is_whole:
        raise OperatorFault("nothing of this run failed or is pending: there is nothing to redrive.")
    if verb is not Verb.REDRIVE and over:
        raise OperatorFault(f"the run is over ({standing(run)}).")
    if verb is Verb.RESUME and not run.paused:
        raise OperatorFault("the run is not paused.")
