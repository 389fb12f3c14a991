"""`penstock run show`: how far a run has come, once or until it ends, and what it made."""

from __future__ import annotations

import asyncio
import sys

from rich.live import Live

from penstock.runs.definition import Definition
from penstock.runs.kept import definition_of, manifest_of
from penstock.runs.record import Run, State
from penstock_ops.running.patience import Patience
from penstock_ops.running.picture import as_json as told
from penstock_ops.running.picture import picture
from penstock_ops.running.reach import find_run, get_run
from penstock_ops.terminal.console import print_json, say, stderr, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import System, open_system

#: How often a run is looked at, in seconds.
_LOOK_S = 0.5


async def show(run_id: str, tenant: str, *, follow: bool, rows: bool, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    async with open_system() as system:
        say(f"penstock run show {run_id} ← {system.name}")
        run = await get_run(system, tenant, run_id)
        if follow and run.state is not State.DONE:
            return await follow_to_end(system, tenant, run_id, as_json=as_json)
        if rows:
            await _print_rows(system, run)
        else:
            _print(run, await definition_of(system.services, run), as_json)
    return _code(run)


async def follow_to_end(system: System, tenant: str, run_id: str, *, as_json: bool) -> int:
    """A live picture on a terminal, until the run ends; then how it ended.

    Raises OperatorFault where nothing would come of waiting longer.
    """
    console = stderr()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        run, definition, patience = None, None, Patience(system, run_id)
        while run is None or run.state is not State.DONE:
            run = await find_run(system, tenant, run_id)
            patience.check(run)
            if run is not None:
                definition = definition or await definition_of(system.services, run)
                if console.is_terminal:
                    live.update(picture(run, definition), refresh=True)
            await asyncio.sleep(_LOOK_S)
    if definition is not None:
        _print(run, definition, as_json)
    return _code(run)


def _print(run: Run, definition: Definition, as_json: bool) -> None:
    if as_json:
        print_json(told(run, definition))
        return
    stdout().print(picture(run, definition))
    if run.lacks:
        stdout().print(f"its budget is exhausted: {run.lacks}", markup=False)
    if run.outcome and run.outcome["message"]:
        stdout().print(f"{run.outcome['reason']}: {run.outcome['message']}", markup=False)


def _code(run: Run) -> int:
    return int(run.state is State.DONE and (run.outcome or {}).get("status") != "succeeded")


async def _print_rows(system: System, run: Run) -> None:
    """The parts of the last stage as they lie in the bucket. Raises OperatorFault, BlobError."""
    if not run.closed:
        raise OperatorFault("no step of this run is over yet.")
    s = system.services
    for entry in await manifest_of(s, run.closed[-1].manifest):
        for part in entry.parts:
            sys.stdout.buffer.write(await s.blobs.get(part.ref, timeout_s=s.timing.blob_s))
    sys.stdout.buffer.flush()
