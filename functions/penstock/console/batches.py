"""Batches: a tenant's, and one with its members: how far it is, what became of its lines, what they cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.batches.record import Batch
from penstock.console.asked import Asked, checked, number
from penstock.console.page import Page, Wrong, drawn
from penstock.console.rows import Row, row
from penstock.errors import BadMessage
from penstock.messages.request import TENANT_LIMIT
from penstock.paths import BATCHES, batch_path, request_path
from penstock.requests.record import Record
from penstock.services import Services

#: Batches of a page; members of one, whose requests are read.
PAGE: Final = 100
MEMBERS: Final = 50


@dataclass(frozen=True, slots=True)
class Member:
    """A member, and its request where there still is one that can be read."""

    request_id: str
    row: Row | None


async def batches(s: Services, asked: Asked) -> Page:
    """Raises Wrong, StoreError."""
    tenant, after = asked.tenant(), asked.query.get("after", "")
    if after:
        checked("place to go on from", after)
    found = await s.store.scan(
        f"tenants/{tenant}/{BATCHES}", after=after, limit=PAGE, timeout_s=s.timing.read_s
    )
    known = []
    for snapshot in found:
        try:
            known.append(Batch.decode(snapshot.fields or {}))
        except BadMessage:
            continue
    known.sort(key=lambda one: one.created_at, reverse=True)
    more = found[-1].path.rpartition("/")[2] if len(found) == PAGE else ""
    return drawn("batches.html", asked=asked, tenant=tenant, batches=known, more=more)


async def batch(s: Services, asked: Asked, tenant: str, name: str) -> Page:
    """Raises Wrong, StoreError, BlobError."""
    one = await _read(s, tenant, name)
    first = number("from", asked.query.get("from") or "0", 0, 100_000_000)
    names = await _names(s, one)
    members = await _members(s, one.tenant, names[first : first + MEMBERS])
    return drawn(
        "batch.html", asked=asked, one=one, members=members, usd=_usd(members), first=first,
        more=first + MEMBERS if first + MEMBERS < len(names) else None, at=s.clock.now(),
    )  # fmt: skip


async def _read(s: Services, tenant: str, name: str) -> Batch:
    path = batch_path(checked("tenant", tenant, TENANT_LIMIT), checked("batch", name))
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    if found.fields is None:
        raise Wrong(404, f"Tenant {tenant} has no batch {name}.")
    try:
        return Batch.decode(found.fields)
    except BadMessage as error:
        raise Wrong(404, str(error)) from None


async def _names(s: Services, one: Batch) -> list[str]:
    """Who is in it, as its manifest says; while it is sealed, who may be."""
    data = await s.blobs.get(one.manifest, timeout_s=s.timing.blob_s)
    return [json.loads(line)[0] for line in data.splitlines()]


async def _members(s: Services, tenant: str, names: Sequence[str]) -> list[Member]:
    if not names:
        return []
    paths = [request_path(tenant, name) for name in names]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    return [Member(name, _row(one.fields)) for name, one in zip(names, found, strict=True)]


def _row(fields: Any) -> Row | None:
    try:
        return row(Record.decode(fields)) if fields is not None else None
    except BadMessage:
        return None


def _usd(members: Sequence[Member]) -> float:
    """What those that are shown have cost, as far as it is known."""
    return sum(member.row.usd or 0.0 for member in members if member.row)
