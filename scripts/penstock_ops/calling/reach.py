"""Whether the system of a verb has callbacks switched on, and what is stored of them there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from penstock.callbacks.endpoint import Endpoint
from penstock.callbacks.record import Callback
from penstock.errors import BadMessage
from penstock.messages.addressee import endpoint_fault
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import CALLBACKS, endpoint_path
from penstock.ports import Snapshot
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System

_BATCH = 300


def check_switched_on(system: System) -> None:
    """Raises OperatorFault where this shell knows no topic of callbacks."""
    if system.settings.callbacks_topic is None:
        raise OperatorFault(
            "callbacks are switched off: set PENSTOCK_CALLBACKS_TOPIC=llm-callbacks for `penstock dev`, or "
            "in Terraform for the cloud, and in this shell."
        )


def check_names(tenant: str, endpoint: str | None = None) -> None:
    """Raises Misuse where one is no name."""
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Misuse(f"--tenant {fault}.")
    if endpoint is not None and (fault := endpoint_fault(endpoint)):
        raise Misuse(f"The endpoint's name {fault}.")


async def found_endpoint(system: System, tenant: str, name: str) -> tuple[Snapshot, Endpoint]:
    """Raises OperatorFault where there is none."""
    s = system.services
    [found] = await s.store.read([endpoint_path(tenant, name)], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise OperatorFault(f"tenant {tenant} has no endpoint {name}: `penstock endpoint add` registers one.")
    return found, Endpoint.decode(found.fields)


async def scanned(system: System, collection: str) -> AsyncIterator[Snapshot]:
    """Every document directly in `collection`, by id."""
    s, after = system.services, ""
    while True:
        page = await s.store.scan(collection, after=after, limit=_BATCH, timeout_s=s.timing.read_s)
        for one in page:
            yield one
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]


async def callbacks_of(
    system: System, tenant: str, endpoint: str | None
) -> AsyncIterator[tuple[Snapshot, Callback]]:
    """Those that this release can read."""
    async for found in scanned(system, f"tenants/{tenant}/{CALLBACKS}"):
        with contextlib.suppress(BadMessage):
            callback = Callback.decode(found.fields or {})
            if endpoint in (None, callback.to.endpoint):
                yield found, callback
