"""`penstock callback list`: what endpoints were told, or are to be told."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from penstock.callbacks.record import Callback, State
from penstock_ops.calling.reach import callbacks_of, check_names, check_switched_on
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import open_system

_STATES = (State.WAITING, State.LEASED, State.DELIVERED, State.UNDELIVERABLE)


async def listed(tenant: str, endpoint: str | None, state: str | None, limit: int, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    check_names(tenant, endpoint)
    if state is not None and state not in _STATES:
        raise Misuse(f"--state must be one of {', '.join(_STATES)}.")
    async with open_system() as system:
        say(f"penstock callback list ← {system.name}")
        check_switched_on(system)
        found = [one async for _, one in callbacks_of(system, tenant, endpoint) if state in (None, one.state)]
    newest = sorted(found, key=lambda one: one.began_at, reverse=True)[:limit]
    if as_json:
        for one in newest:
            print_json(line(one), indent=None)
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("callback", "to", "tells of", "state", "tries", "last"):
        table.add_column(column, overflow="fold")
    for one in newest:
        last = one.attempts[-1].outcome if one.attempts else ""
        about = f"{one.type} {one.about.name}"
        to = one.to.endpoint or "a workflow"
        table.add_row(one.callback_id, to, about, str(one.state), str(one.tries), last)
    stdout().print(table)
    return 0


def line(callback: Callback) -> dict[str, Any]:
    """One callback, for a program; what it tells is the result itself, and is not repeated."""
    return {
        "callback_id": callback.callback_id,
        "webhook_id": callback.webhook_id,
        "tenant": callback.tenant,
        "to": callback.to.encode(),
        "type": callback.type,
        "about": callback.about.encode(),
        "state": str(callback.state),
        "tries": callback.tries,
        "next_at": callback.not_before,
        "finished_at": callback.finished_at,
        "attempts": [attempt.encode() for attempt in callback.attempts],
    }
