"""`penstock batches list`: what waits for a tenant's next batches, and its batches, the newest first."""

from __future__ import annotations

import contextlib
from typing import Any

from rich.table import Table

from penstock.batches.record import Batch
from penstock.errors import BadMessage
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import BATCHES
from penstock.services import Services
from penstock_ops.batching.documents import documents
from penstock_ops.batching.piled import waiting
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import open_system


async def listed(tenant: str, limit: int, *, as_json: bool) -> int:
    """The exit code. Raises Misuse."""
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Misuse(f"--tenant {fault}.")
    async with open_system() as system:
        say(f"penstock batches ← {system.name}")
        piles = await waiting(system.services, tenant)
        found = sorted(
            await _batches(system.services, tenant), key=lambda batch: batch.created_at, reverse=True
        )
    if as_json:
        print_json([*(pile.told() for pile in piles), *(told(batch) for batch in found[:limit])])
        return 0
    if not piles and not found:
        stdout().print(f"Nothing of tenant {tenant} waits for a batch, and none was begun.")
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("batch", "stage", "members", "answered", "target", "began"):
        table.add_column(name)
    for pile in piles:
        table.add_row("", "waiting", f"{pile.count:,}", "", pile.target, f"after {pile.next_at:%H:%M:%S}")
    for batch in found[:limit]:
        answered = (batch.fates or {}).get("answered", 0)
        began = f"{batch.created_at:%Y-%m-%d %H:%M:%S}"
        stage = str(batch.stage)
        table.add_row(batch.name, stage, f"{batch.members:,}", f"{answered:,}", batch.target, began)
    stdout().print(table)
    return 0


async def _batches(s: Services, tenant: str) -> list[Batch]:
    """Those that this release can read."""
    batches = []
    async for found in documents(s, tenant, BATCHES):
        with contextlib.suppress(BadMessage):
            batches.append(Batch.decode(found.fields or {}))
    return batches


def told(batch: Batch) -> dict[str, Any]:
    """What a program is told of a batch."""
    return {
        "batch": batch.name,
        "tenant": batch.tenant,
        "target": batch.target,
        "stage": batch.stage.value,
        "members": batch.members,
        "jobs": list(batch.jobs),
        "cancelled": batch.cancelled,
        "creates_lost": batch.lost,
        "fates": dict(batch.fates or {}),
        "created_at": batch.created_at,
        "escalate_at": batch.escalate_at,
        "closed_at": batch.closed_at,
    }
