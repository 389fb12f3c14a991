"""The end of a batch whose tenant was forgotten: nothing of it stays, neither here nor at its provider.

`penstock forget` has deleted the requests of its members and its files in our bucket, and says so here; the
provider's files only the batcher can delete, who has the key. Until its jobs have ended it goes the way of
every batch whose time is up; then nobody reads what they answered.
"""

from __future__ import annotations

from datetime import timedelta

from penstock import log
from penstock.batches.closing import turns_up
from penstock.batches.creating import KEPT_S
from penstock.batches.work import Work
from penstock.errors import ProviderFailure
from penstock.ports import Delete


async def forget(work: Work) -> bool:
    """Raises FencedOut, StoreError."""
    if await turns_up(work) or not await _files_are_gone(work):
        return False
    batch = work.batch
    log.event("batch.forgotten", "Forgotten.", target=batch.target, files=len(batch.files), **batch.ids())
    await work.s.store.commit([Delete(batch.path)], timeout_s=work.s.timing.commit_s)
    return False


async def _files_are_gone(work: Work) -> bool:
    """Whether none is left; False: later. One that cannot be deleted is tried until it has expired there."""
    batch = work.batch
    expired = batch.created_at + timedelta(seconds=work.target.window_s + KEPT_S)
    for file in dict.fromkeys(batch.files):
        try:
            await work.runner.delete(file, timeout_s=work.s.timing.batch_call_s)
        except ProviderFailure as failure:
            if work.s.clock.now() < expired:
                await work.after(failure)
                return False
    return True
