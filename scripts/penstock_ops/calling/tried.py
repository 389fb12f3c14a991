"""`penstock endpoint test`: a callback that tells of nothing, sent as all of them are."""

from __future__ import annotations

import asyncio
import secrets

from penstock.callbacks import changes, owing
from penstock.callbacks.endpoint import Reach
from penstock.callbacks.record import About, Callback, Kind, State
from penstock.messages.addressee import Addressee
from penstock.paths import reach_path
from penstock.ports import Create
from penstock_ops.calling.owed import line
from penstock_ops.calling.reach import check_names, check_switched_on, found_endpoint
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import System, open_system

#: How often its document is looked at, in seconds.
_POLL_S = 0.3


async def try_endpoint(name: str, tenant: str, wait_s: float, *, as_json: bool) -> int:
    """The exit code: 0 when the endpoint took it. Raises Misuse, OperatorFault."""
    check_names(tenant, name)
    async with open_system() as system:
        say(f"penstock endpoint test {name} → {system.name}")
        check_switched_on(system)
        await found_endpoint(system, tenant, name)
        await _check_on(system, tenant, name)
        sent = await _sent(system, tenant, name)
        callback = await _first_outcome(system, sent, wait_s)
    if callback is None:
        raise OperatorFault(
            f"no attempt was made within {wait_s:g} s: is the courier up? `penstock dev` and the cloud's "
            "functions have one while PENSTOCK_CALLBACKS_TOPIC is set."
        )
    took = callback.state is State.DELIVERED
    if as_json:
        print_json(line(callback))
    else:
        word = "[green]taken[/green]" if took else "[red]not taken[/red]"
        stdout().print(f"{word}  {name}: {callback.attempts[-1].outcome}")
    return 0 if took else 1


async def _check_on(system: System, tenant: str, name: str) -> None:
    s = system.services
    [found] = await s.store.read([reach_path(tenant, name)], timeout_s=s.timing.read_s)
    reach = Reach.decode(found.fields)
    if reach.off_at is not None:
        raise OperatorFault(f"it is switched off: {reach.off_why} `penstock endpoint enable {name}` first.")


async def _sent(system: System, tenant: str, name: str) -> Callback:
    s = system.services
    now, to = s.clock.now(), Addressee(endpoint=name)
    about = About(Kind.ENDPOINT, f"test-{secrets.token_hex(4)}", now)
    data = {"tenant": tenant, "endpoint": name, "message": "Penstock can reach this endpoint."}
    callback = changes.owed(tenant, to, about, "test", now.isoformat(), data, now, s.timing)
    await s.store.commit([Create(callback.path, callback.encode())], timeout_s=s.timing.commit_s)
    await owing.wake(s, callback)
    return callback


async def _first_outcome(system: System, sent: Callback, wait_s: float) -> Callback | None:
    """The callback once an attempt of it has ended; None: none did in time."""
    s = system.services
    end = s.clock.monotonic() + wait_s
    while s.clock.monotonic() < end:
        [found] = await s.store.read([sent.path], timeout_s=s.timing.read_s)
        callback = Callback.decode(found.fields or {})
        if callback.attempts:
            return callback
        await asyncio.sleep(_POLL_S)
    return None
