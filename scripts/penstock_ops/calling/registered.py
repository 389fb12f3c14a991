"""`penstock endpoint add|list|enable|remove`: the endpoints of a tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rich.table import Table

from penstock.callbacks.endpoint import Endpoint, Reach, url_fault
from penstock.callbacks.signing import key_of
from penstock.errors import AlreadyExists, PreconditionFailed, SecretError
from penstock.messages.strict_json import canonical
from penstock.paths import ENDPOINTS, endpoint_path, reach_path
from penstock.ports import Create, Delete, Snapshot, Update, Write
from penstock_ops.calling.reach import check_names, check_switched_on, found_endpoint, scanned
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System, open_system


async def add(name: str, url: str, tenant: str, *, rotate: bool, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    check_names(tenant, name)
    async with open_system() as system:
        say(f"penstock endpoint add {name} → {system.name}")
        check_switched_on(system)
        if fault := url_fault(url, local=system.settings.mode != "cloud"):
            raise Misuse(f"The URL {fault}")
        # Before anything is written: an endpoint without a key that anybody could get helps nobody.
        master = await _master(system)
        endpoint = await _written(system, Endpoint(tenant, name, url), rotate)
        key = key_of(master, tenant, name, endpoint.version)
    if as_json:
        print_json(endpoint.encode() | {"key": key})
        return 0
    out = stdout()
    out.print(f"[green]registered[/green]  {name}, tenant {tenant}")
    out.print(f"  messages name it:  {canonical({'callback': {'endpoint': name}}).decode()}", markup=False)
    out.print(f"  its key:           {key}", markup=False, soft_wrap=True)
    if endpoint.version > 1:
        out.print(f"  key {endpoint.version}; the one before signs too until a day after it was replaced")
    return 0


async def _master(system: System) -> str:
    signing = system.services.signing
    if signing is None:
        raise OperatorFault("callbacks are switched off here.")
    try:
        return await signing.value()
    except SecretError as error:
        raise OperatorFault(f"the master secret of callbacks: {error}.") from None


async def _written(system: System, wanted: Endpoint, rotate: bool) -> Endpoint:
    """What is registered now. Raises OperatorFault."""
    s, now = system.services, system.services.clock.now()
    [found] = await s.store.read([endpoint_path(wanted.tenant, wanted.name)], timeout_s=s.timing.read_s)
    endpoint, write = _change(found, wanted, rotate, now)
    try:
        await s.store.commit([write], timeout_s=s.timing.commit_s)
    except (AlreadyExists, PreconditionFailed):
        raise OperatorFault("somebody else has just changed this endpoint: do it again.") from None
    return endpoint


def _change(found: Snapshot, wanted: Endpoint, rotate: bool, now: datetime) -> tuple[Endpoint, Write]:
    if found.fields is None:
        endpoint = replace(wanted, created_at=now)
        return endpoint, Create(found.path, endpoint.encode())
    endpoint = replace(Endpoint.decode(found.fields), url=wanted.url)
    if rotate:
        endpoint = replace(endpoint, version=endpoint.version + 1, rotated_at=now)
    return endpoint, Update(found.path, endpoint.encode(), found.version)


async def listed(tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    check_names(tenant)
    async with open_system() as system:
        say(f"penstock endpoint list ← {system.name}")
        check_switched_on(system)
        endpoints = [
            Endpoint.decode(one.fields or {})
            async for one in scanned(system, f"tenants/{tenant}/{ENDPOINTS}")
        ]
        reaches = await _reaches(system, tenant, [endpoint.name for endpoint in endpoints])
    if as_json:
        for endpoint, reach in zip(endpoints, reaches, strict=True):
            state = {"off_at": reach.off_at, "off_why": reach.off_why or None}
            print_json(endpoint.encode() | {"failing_since": reach.failing_since, **state}, indent=None)
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("endpoint", "url", "key", "state"):
        table.add_column(column, overflow="fold")
    for endpoint, reach in zip(endpoints, reaches, strict=True):
        table.add_row(endpoint.name, endpoint.url, str(endpoint.version), _state(reach))
    stdout().print(table)
    return 0


async def _reaches(system: System, tenant: str, names: list[str]) -> list[Reach]:
    s = system.services
    paths = [reach_path(tenant, name) for name in names]
    found: list[Snapshot] = []
    for start in range(0, len(paths), 100):
        found += await s.store.read(paths[start : start + 100], timeout_s=s.timing.read_s)
    return [Reach.decode(one.fields) for one in found]


def _state(reach: Reach) -> str:
    if reach.off_at is not None:
        return f"switched off {reach.off_at:%Y-%m-%d %H:%M}: {reach.off_why}"
    if reach.failing_since is not None:
        return f"failing since {reach.failing_since:%Y-%m-%d %H:%M}"
    return "on"


async def enable(name: str, tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    check_names(tenant, name)
    async with open_system() as system:
        say(f"penstock endpoint enable {name} → {system.name}")
        check_switched_on(system)
        await found_endpoint(system, tenant, name)
        s = system.services
        await s.store.commit([Delete(reach_path(tenant, name))], timeout_s=s.timing.commit_s)
    return _told("on", "enabled", name, tenant, as_json)


async def remove(name: str, tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    check_names(tenant, name)
    async with open_system() as system:
        say(f"penstock endpoint remove {name} → {system.name}")
        check_switched_on(system)
        await found_endpoint(system, tenant, name)
        s = system.services
        gone = [Delete(endpoint_path(tenant, name)), Delete(reach_path(tenant, name))]
        await s.store.commit(gone, timeout_s=s.timing.commit_s)
    return _told("removed", "removed", name, tenant, as_json)


def _told(state: str, word: str, name: str, tenant: str, as_json: bool) -> int:
    if as_json:
        print_json({"tenant": tenant, "endpoint": name, "state": state})
    else:
        stdout().print(f"[green]{word}[/green]  {name}, tenant {tenant}")
    return 0
