"""What `penstock budget` does: the limits in `control/money`, and what the accounts say is left of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from penstock.budgets.fitting import limit_fault
from penstock.budgets.releasing import release
from penstock.errors import PreconditionFailed
from penstock.money.limit_faults import nano_of, scope_fault
from penstock.money.limits import MONEY_PATH, Limit, in_force, stored
from penstock.ports import Snapshot, Update
from penstock.settings import read_settings
from penstock.targets.routes import Target
from penstock.variables import OFF
from penstock_ops.terminal.console import counted, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system
from penstock_ops.upkeep.budget_rows import print_budgets, rows_of, told

#: How often a change by somebody else at the same moment is looked at again.
_LOOKS = 5
_OFF = (
    "budgets are switched off here, so nothing would hold to one. Set PENSTOCK_BUDGETS to on (in Terraform: "
    "functions.budgets = []); a minute after it is deployed they can be set."
)


async def set_budget(
    amount: str, scope: str, per: str, model: str | None, on_exhausted: str, *, as_json: bool
) -> int:
    """Raises OperatorFault, Misuse: nothing is changed then."""
    limit = _limit(amount, scope, per, model, on_exhausted)
    async with open_system() as system:
        say(f"penstock budget set → {system.name}")
        if fault := limit_fault(limit, system.services.prices, _targets()):
            raise Misuse(fault)
        await _change(system, lambda limits: [*_without(limits, limit), limit])
        released = await _release(system)
        if as_json:
            print_json({"set": told(limit), "released": released})
            return 0
        stdout().print(f"[green]set[/green]: {shown(str(limit))}.", soft_wrap=True)
        if released:
            stdout().print(f"{counted(released, 'request')} that waited for money: looked at again.")
    return 0


async def clear_budget(scope: str, per: str, model: str | None, *, as_json: bool) -> int:
    """Raises OperatorFault, Misuse."""
    wanted = _limit("0", scope, per, model, "park")
    async with open_system() as system:
        say(f"penstock budget clear → {system.name}")
        found = await _money(system)
        if wanted.key not in {limit.key for limit in _in_force(found)}:
            raise OperatorFault("there is no such budget; `penstock budget list` shows those that there are.")
        named = wanted.key in {limit.key for limit in _of_settings(found)}
        gone = [wanted._replace(nano=None)] if named else []
        await _change(system, lambda limits: [*_without(limits, wanted), *gone])
        released = await _release(system)
        if as_json:
            print_json({"cleared": told(wanted) | {"usd": None}, "released": released})
        else:
            stdout().print("[green]cleared[/green].")
    return 0


async def list_budgets(scope: str | None, *, as_json: bool) -> int:
    """Raises OperatorFault, Misuse."""
    if scope is not None and (fault := scope_fault(scope)):
        raise Misuse(fault)
    async with open_system() as system:
        say(f"penstock budget ← {system.name}")
        limits = [limit for limit in _in_force(await _money(system)) if scope in (None, limit.scope)]
        today = datetime.now(UTC).date()
        rows = await rows_of(system, limits, today)
    if as_json:
        print_json({"day": str(today), "budgets": rows})
    elif rows:
        print_budgets(rows)
    else:
        stdout().print("No budget is set. `penstock budget set 30` sets one.")
    return 0


def _limit(amount: str, scope: str, per: str, model: str | None, on_exhausted: str) -> Limit:
    """What was typed. Raises Misuse."""
    if fault := scope_fault(scope):
        raise Misuse(fault)
    if per not in ("day", "month"):
        raise Misuse(f"--per {per!r}: it is day or month.")
    if on_exhausted not in ("park", "fail"):
        raise Misuse(f"--on-exhausted {on_exhausted!r}: it is park or fail.")
    try:
        nano = nano_of(amount)
    except ValueError as error:
        raise Misuse(str(error)) from None
    period, way = cast(Literal["day", "month"], per), cast(Literal["park", "fail"], on_exhausted)
    return Limit(scope, period, model, nano, way)


def _targets() -> dict[str, Target] | None:
    """Whom this environment's routes ask; None: only the deployment knows. Raises SettingsError."""
    if not os.environ.get("PENSTOCK_ROUTES"):
        return None
    return read_settings({**os.environ, "PENSTOCK_BUDGETS": OFF}).routes.targets


async def _money(system: System) -> Snapshot:
    """The document. Raises OperatorFault where budgets are switched off."""
    services = system.services
    [found] = await services.store.read([MONEY_PATH], timeout_s=services.timing.read_s)
    if found.fields is None:
        raise OperatorFault(_OFF)
    return found


def _of_settings(found: Snapshot) -> tuple[Limit, ...]:
    return tuple(Limit.decode(value) for value in (found.fields or {}).get("settings", ()))


def _in_force(found: Snapshot) -> tuple[Limit, ...]:
    return in_force(_of_settings(found), found.fields)


def _without(limits: Sequence[Limit], gone: Limit) -> list[Limit]:
    return [limit for limit in limits if limit.key != gone.key]


async def _change(system: System, change: Callable[[Sequence[Limit]], list[Limit]]) -> None:
    """By compare-and-set: two operators at once lose nothing. Raises OperatorFault."""
    services = system.services
    for _ in range(_LOOKS):
        found = await _money(system)
        limits = [limit.encode() for limit in change(stored(found.fields))]
        try:
            update = Update(MONEY_PATH, {"limits": limits}, found.version)
            await services.store.commit([update], timeout_s=services.timing.commit_s)
        except PreconditionFailed:
            continue
        return
    raise OperatorFault("others change the budgets at the same moment; try again.")


async def _release(system: System) -> int:
    """Who waits for money is looked at again, once every instance knows of it."""
    timing = system.services.timing
    say(f"Waiting {timing.pause_poll_s:g} s, until every instance knows it …")
    await asyncio.sleep(timing.pause_poll_s)
    return await release(system.services, timing.hold_min_s)
