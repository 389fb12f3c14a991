"""What `penstock tenant` does: the tenants' weights in `control/turns`, over those of the settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from rich.table import Table

from penstock.errors import AlreadyExists, PreconditionFailed
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.ports import Create, Update, Write
from penstock.settings import read_settings
from penstock.targets.pace import PLAIN_WEIGHT, TURNS_PATH, weights
from penstock.targets.pace_faults import weight_fault
from penstock.variables import OFF
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system

#: How often a change by somebody else at the same moment is looked at again.
_LOOKS = 5


async def set_weight(tenant: str, weight: float, *, as_json: bool) -> int:
    """Raises Misuse, OperatorFault: nothing is changed then."""
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Misuse(f"the tenant {fault}.")
    if fault := weight_fault(weight):
        raise Misuse(fault)
    async with open_system() as system:
        say(f"penstock tenant set → {system.name}")
        await _change(system, lambda known: {**known, tenant: weight})
    if as_json:
        print_json({"tenant": tenant, "weight": weight})
    else:
        stdout().print(f"[green]set[/green]: {shown(tenant)} weighs {weight:g}, from the next minute on.")
    return 0


async def list_weights(*, as_json: bool) -> int:
    """Raises OperatorFault."""
    async with open_system() as system:
        say(f"penstock tenant ← {system.name}")
        known = _of_settings() | await _known(system)
    rows = [{"tenant": tenant, "weight": weight} for tenant, weight in sorted(known.items())]
    if as_json:
        print_json({"tenants": rows})
    elif rows:
        table = Table("tenant", "weight", box=None)
        for row in rows:
            table.add_row(shown(str(row["tenant"])), f"{row['weight']:g}")
        stdout().print(table)
    else:
        stdout().print(
            f"Every tenant weighs {PLAIN_WEIGHT:g}. `penstock tenant set NAME --weight 3` gives one more."
        )
    return 0


def _of_settings() -> dict[str, float]:
    """What this environment's own settings name, where there are any."""
    if os.environ.get("PENSTOCK_LIMITS", OFF) == OFF:
        return {}
    return weights(read_settings(os.environ).limits or ())


async def _known(system: System) -> dict[str, float]:
    services = system.services
    [found] = await services.store.read([TURNS_PATH], timeout_s=services.timing.read_s)
    return dict((found.fields or {}).get("weights", {}))


async def _change(system: System, change: Callable[[dict[str, float]], dict[str, Any]]) -> None:
    """By compare-and-set: two operators at once lose nothing. Raises OperatorFault."""
    services = system.services
    for _ in range(_LOOKS):
        [found] = await services.store.read([TURNS_PATH], timeout_s=services.timing.read_s)
        fields = {"weights": change(dict((found.fields or {}).get("weights", {})))}
        write: Write = Create(TURNS_PATH, fields)
        if found.fields is not None:
            write = Update(TURNS_PATH, fields, found.version)
        try:
            await services.store.commit([write], timeout_s=services.timing.commit_s)
        except (AlreadyExists, PreconditionFailed):
            continue
        return
    raise OperatorFault("others change the weights at the same moment; try again.")
