"""Whether the system of a verb has runs switched on, and a run in it."""

from __future__ import annotations

from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import endpoint_path, run_path
from penstock.runs.message import RUN_ID_LIMIT
from penstock.runs.record import Run
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System


def check_switched_on(system: System) -> None:
    """Raises OperatorFault where this shell knows no topic of runs."""
    if system.settings.runs_topic is None:
        raise OperatorFault(
            "runs are switched off: set PENSTOCK_RUNS_TOPIC=llm-runs for `penstock dev`, or in Terraform for "
            "the cloud, and in this shell."
        )


async def check_callback(system: System, tenant: str, endpoint: str | None) -> None:
    """Raises OperatorFault where nobody could be told of the run's end; StoreError."""
    if endpoint is None:
        return
    s = system.services
    if system.settings.callbacks_topic is None:
        raise OperatorFault(
            "callbacks are switched off: set PENSTOCK_CALLBACKS_TOPIC=llm-callbacks for `penstock dev`, or "
            "in Terraform for the cloud, and in this shell."
        )
    [found] = await s.store.read([endpoint_path(tenant, endpoint)], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise OperatorFault(
            f"tenant {tenant} has no endpoint {endpoint}: `penstock endpoint add` registers one."
        )


async def find_run(system: System, tenant: str, run_id: str) -> Run | None:
    """Raises Misuse, StoreError, BadMessage."""
    for name, text, limit in (("The run's id", run_id, RUN_ID_LIMIT), ("--tenant", tenant, TENANT_LIMIT)):
        if fault := id_fault(text, limit):
            raise Misuse(f"{name} {fault}.")
    s = system.services
    [found] = await s.store.read([run_path(tenant, run_id)], timeout_s=s.timing.read_s)
    return Run.decode(found.fields) if found.fields is not None else None


async def get_run(system: System, tenant: str, run_id: str) -> Run:
    """Raises OperatorFault where there is none."""
    run = await find_run(system, tenant, run_id)
    if run is None:
        raise OperatorFault(f"there is no run {run_id} of tenant {tenant} in {system.name}.")
    return run
