"""`penstock callback replay`: send callbacks again, under the ids that they had."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.callbacks import changes, owing
from penstock.callbacks.record import Callback, State
from penstock.errors import PreconditionFailed
from penstock.leases.document import changed_fields
from penstock.ports import Snapshot, Update
from penstock_ops.calling.reach import callbacks_of, check_names, check_switched_on
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System, open_system

_OVER = (State.DELIVERED, State.UNDELIVERABLE)


async def replay(ids: Sequence[str], tenant: str, endpoint: str | None, *, every: bool, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault where nothing can be replayed."""
    check_names(tenant, endpoint)
    if bool(ids) == every:
        raise Misuse("name callbacks by their ids, or say --undeliverable for all that nobody took.")
    async with open_system() as system:
        say(f"penstock callback replay → {system.name}")
        check_switched_on(system)
        chosen = await _chosen(system, ids, tenant, endpoint)
        told = [one.callback_id for found, one in chosen if await _again(system, found, one)]
    if as_json:
        print_json({"tenant": tenant, "replayed": told})
    else:
        stdout().print(f"[green]replayed[/green]  {counted(len(told), 'callback')}")
    return 0


async def _chosen(
    system: System, ids: Sequence[str], tenant: str, endpoint: str | None
) -> list[tuple[Snapshot, Callback]]:
    """Those that are meant, and are over. Raises OperatorFault where one that was named is not."""
    every = [pair async for pair in callbacks_of(system, tenant, endpoint)]
    if not ids:
        return [pair for pair in every if pair[1].state is State.UNDELIVERABLE]
    by_id = {one.callback_id: (found, one) for found, one in every}
    for name in ids:
        if name not in by_id:
            raise OperatorFault(f"tenant {tenant} has no callback {name}: see `penstock callback list`.")
        if by_id[name][1].state not in _OVER:
            raise OperatorFault(f"{name} is {by_id[name][1].state}: it is sent without a replay.")
    return [by_id[name] for name in dict.fromkeys(ids)]


async def _again(system: System, found: Snapshot, callback: Callback) -> bool:
    """Make it wait for its first attempt, and wake it; False: somebody else has just written it."""
    s = system.services
    again = changes.replayed(callback, s.clock.now())
    write = Update(found.path, changed_fields(again, callback), found.version)
    try:
        await s.store.commit([write], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        warn(f"{callback.callback_id} has just changed; left alone.")
        return False
    await owing.wake(s, again)
    return True
