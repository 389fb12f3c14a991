"""What `penstock forget` does about batches that are out: only the batcher has the key of their provider."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.batches.record import CLOSED
from penstock.errors import BadMessage
from penstock.ports import Snapshot
from penstock.services import Services
from penstock_ops.upkeep.call_back import call_back


def out_of(page: Sequence[Snapshot]) -> list[Snapshot]:
    """Those that are not over."""
    return [batch for batch in page if (batch.fields or {}).get("state") != CLOSED]


async def call_back_all(s: Services, page: Sequence[Snapshot]) -> list[str]:
    """Tell those of `page` that are out that they are forgotten; the paths of the others, which can be
    deleted. Raises OperatorFault, StoreError."""
    out = [batch.path for batch in out_of(page) if await _called_back(s, batch.path)]
    return [batch.path for batch in page if batch.path not in out]


async def _called_back(s: Services, path: str) -> bool:
    try:
        return await call_back(s, path, forgotten=True) is not None
    except BadMessage:
        return False  # of another version: it goes as it is


def told_of(out: int, *, done: bool) -> str:
    """One sentence for a person."""
    return (
        f"{out:,} batch{'' if out == 1 else 'es'} {'called' if done else 'would be called'} back: the "
        "batcher deletes their files at the provider, and last of all their documents."
    )
