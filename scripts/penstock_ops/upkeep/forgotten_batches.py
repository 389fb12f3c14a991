"""What `penstock forget` does about batches that are out: only the batcher has the key of their provider."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.batches.record import CLOSED, Batch
from penstock.errors import BadMessage
from penstock.ports import Snapshot
from penstock.services import Services
from penstock_ops.upkeep.call_back import call_back


def out_of(page: Sequence[Snapshot]) -> list[Snapshot]:
    """Those that are not over. One of another version is none of them: it goes as it is."""
    return [batch for batch in page if _is_out(batch)]


async def call_back_all(s: Services, page: Sequence[Snapshot]) -> list[str]:
    """Tell those of `page` that are out that they are forgotten; the paths of the others, which can be
    deleted. Raises OperatorFault, StoreError."""
    out = [batch.path for batch in out_of(page) if await call_back(s, batch.path, forgotten=True)]
    return [batch.path for batch in page if batch.path not in out]


def _is_out(batch: Snapshot) -> bool:
    try:
        return Batch.decode(batch.fields or {}).state != CLOSED
    except BadMessage:
        return False


def told_of(out: int, *, done: bool) -> str:
    """One sentence for a person."""
    return (
        f"{out:,} batch{'' if out == 1 else 'es'} {'called' if done else 'would be called'} back: the "
        "batcher deletes their files at the provider, and last of all their documents."
    )
