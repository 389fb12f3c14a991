"""The work of `penstock key`: what is read, changed and shown."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table

from penstock.door.key import KEY_ID_RULE, SCOPES, Key, is_key_id
from penstock.errors import AlreadyExists, PreconditionFailed
from penstock.messages.request import LONGEST_WAIT_S, TENANT_LIMIT, id_fault
from penstock.paths import KEYS, key_path
from penstock.ports import Create, Snapshot, Update
from penstock_ops.terminal.console import counted, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System, open_system

#: Documents of one query.
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed. Durations in seconds."""

    key_id: str | None
    tenant: str
    scopes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    longest_wait_s: float | None = None
    expires_s: float | None = None

    def key(self, now: datetime) -> Key:
        """Raises Misuse."""
        key_id = self.key_id or f"pk-{secrets.token_hex(6)}"
        _check_id(key_id)
        if fault := id_fault(self.tenant, TENANT_LIMIT):
            raise Misuse(f"--tenant {fault}.")
        if wrong := [scope for scope in self.scopes if scope not in SCOPES]:
            raise Misuse(f"--scope {wrong[0]} is none of {', '.join(SCOPES)}.")
        if self.longest_wait_s is not None and not 0 < self.longest_wait_s <= LONGEST_WAIT_S:
            raise Misuse("--longest-wait must be up to 31d.")
        ends_at = now + timedelta(seconds=self.expires_s) if self.expires_s is not None else None
        scopes = tuple(scope for scope in SCOPES if scope in self.scopes) or SCOPES
        return Key(key_id, self.tenant, scopes, self.routes, self.longest_wait_s, now, ends_at=ends_at)


async def create(wanted: Wanted, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    async with open_system() as system:
        say(f"penstock key create → {system.name}")
        key, text = await made(system, wanted)
    _tell(key, text, as_json)
    return 0


async def made(system: System, wanted: Wanted) -> tuple[Key, str]:
    """A key that was not there, and what its client sends. Raises Misuse, OperatorFault."""
    now = datetime.now(UTC)
    key, text = wanted.key(now).with_new_secret(now, None)
    s = system.services
    try:
        await s.store.commit([Create(key_path(key.key_id), key.encode())], timeout_s=s.timing.commit_s)
    except AlreadyExists:
        raise OperatorFault(f"there is a key {key.key_id} already: rotate it, or take another id.") from None
    return key, text


async def rotate(key_id: str, grace_s: float, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    async with open_system() as system:
        say(f"penstock key rotate {key_id} → {system.name}")
        found, key = await _read(system, key_id)
        now = datetime.now(UTC)
        if not key.is_live(now):
            raise OperatorFault(f"the key {key_id} has ended: make a new one.")
        rotated, text = key.with_new_secret(now, now + timedelta(seconds=grace_s))
        await _change(system, found, rotated)
    _tell(rotated, text, as_json)
    return 0


async def revoke(key_id: str, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    async with open_system() as system:
        say(f"penstock key revoke {key_id} → {system.name}")
        found, key = await _read(system, key_id)
        if key.revoked_at is None:
            await _change(system, found, replace(key, revoked_at=datetime.now(UTC)))
    if as_json:
        print_json({"key_id": key_id, "revoked": True})
    else:
        stdout().print(f"revoked: {key_id} (instances believe it for up to a minute more)", markup=False)
    return 0


async def list_keys(tenant: str | None, *, as_json: bool) -> int:
    """The exit code. Raises OperatorFault."""
    async with open_system() as system:
        say(f"penstock key list ← {system.name}")
        keys = [key async for key in _all(system) if tenant in (None, key.tenant)]
    if as_json:
        print_json([_told(key) for key in keys])
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("key", "tenant", "may", "models", "state", "secrets"):
        table.add_column(column)
    for key in keys:
        shown = _told(key)
        routes = ", ".join(key.routes) or "all"
        table.add_row(
            key.key_id, key.tenant, ", ".join(key.scopes), routes, shown["state"], str(shown["live_secrets"])
        )
    stdout().print(table if keys else counted(0, "key"))
    return 0


async def _all(system: System) -> AsyncIterator[Key]:
    s, after = system.services, ""
    while page := await s.store.scan(KEYS, after=after, limit=_PAGE, timeout_s=s.timing.read_s):
        for found in page:
            yield Key.decode(found.fields or {})
        after = page[-1].path.rpartition("/")[2]


async def _read(system: System, key_id: str) -> tuple[Snapshot, Key]:
    _check_id(key_id)
    s = system.services
    [found] = await s.store.read([key_path(key_id)], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise OperatorFault(f"there is no key {key_id} in {system.name}.")
    return found, Key.decode(found.fields)


async def _change(system: System, found: Snapshot, key: Key) -> None:
    s = system.services
    try:
        write = Update(found.path, key.encode(), found.version)
        await s.store.commit([write], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        raise OperatorFault("somebody else changed the key at this moment: look, and try again.") from None


def _check_id(key_id: str) -> None:
    if not is_key_id(key_id):
        raise Misuse(f"The key's id {KEY_ID_RULE}.")


def _told(key: Key) -> dict[str, Any]:
    now = datetime.now(UTC)
    ended = "revoked" if key.revoked_at else "expired"
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "routes": list(key.routes),
        "longest_wait_s": key.longest_wait_s,
        "state": "live" if key.is_live(now) else ended,
        "live_secrets": sum(secret.is_live(now) for secret in key.secrets),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.ends_at.isoformat() if key.ends_at else None,
    }


def _tell(key: Key, text: str, as_json: bool) -> None:
    if as_json:
        print_json({**_told(key), "key": text})
        return
    print(text)
    say(f"{key.key_id} of tenant {key.tenant}: shown once, only its hash is stored.")
