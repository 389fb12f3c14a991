"""`penstock runs`: a tenant's runs, the newest first."""

from __future__ import annotations

import contextlib

from rich.table import Table

from penstock.errors import BadMessage
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import RUNS
from penstock.runs.record import Run
from penstock.runs.telling import standing
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import System, open_system

_BATCH = 300


async def listed(tenant: str, limit: int, *, as_json: bool) -> int:
    """The exit code. Raises Misuse."""
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Misuse(f"--tenant {fault}.")
    async with open_system() as system:
        say(f"penstock runs ← {system.name}")
        runs = sorted(await _runs(system, tenant), key=lambda run: run.created_at, reverse=True)[:limit]
    if as_json:
        for run in runs:
            print_json(_line(run), indent=None)
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("run", "status", "ok", "failed", "began"):
        table.add_column(name)
    for run in runs:
        line = _line(run)
        began = f"{run.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(run.run_id, standing(run), f"{line['ok']:,}", f"{line['failed']:,}", began)
    stdout().print(table)
    return 0


async def _runs(system: System, tenant: str) -> list[Run]:
    """Those that this release can read."""
    s, after, runs = system.services, "", []
    while True:
        found = await s.store.scan(
            f"tenants/{tenant}/{RUNS}", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for one in found:
            with contextlib.suppress(BadMessage):
                runs.append(Run.decode(one.fields or {}))
        if len(found) < _BATCH:
            return runs
        after = found[-1].path.rpartition("/")[2]


def _line(run: Run) -> dict[str, object]:
    last = run.stage or (run.closed[-1] if run.closed else None)
    return {
        "run_id": run.run_id,
        "status": standing(run),
        "generation": run.generation,
        "ok": last.ok if last else 0,
        "failed": last.failed if last else 0,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }
