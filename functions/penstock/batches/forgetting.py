"""The end of a batch whose tenant was forgotten: nothing of it stays at its provider, and then it is gone.

`penstock forget` has deleted the requests of its members and its files in our bucket, and says so here; the
provider's files only the batcher can delete, who has the key. Until its jobs have ended it goes the way of
every batch whose time is up; then nobody reads what they answered.
"""

from __future__ import annotations

from datetime import timedelta

from penstock import log
from penstock.batches.closing import turns_up
from penstock.batches.work import Work
from penstock.errors import ProviderFailure
from penstock.ports import Delete


async def forget(work: Work) -> bool:
    """Raises FencedOut, StoreError."""
    await _look_on(work)
    if await turns_up(work) or not await _files_are_gone(work):
        return False
    batch = work.batch
    log.event("batch.forgotten", "Forgotten.", target=batch.target, files=len(batch.files), **batch.ids())
    await work.s.store.commit([Delete(batch.path)], timeout_s=work.s.timing.commit_s)
    return False


async def _look_on(work: Work) -> None:
    """A create of unknown outcome is looked for as long as what it began may be at work."""
    batch = work.batch
    if batch.creating_at is None or not (batch.lost or batch.sought_until):
        return
    until = batch.creating_at + timedelta(seconds=work.target.window_s)
    if batch.sought_until != until:
        await work.note(sought_until=until)


async def _files_are_gone(work: Work) -> bool:
    """Whether none is left; False: later. Those that cannot be deleted are tried until they have expired."""
    refused: ProviderFailure | None = None
    for file in dict.fromkeys(work.batch.files):
        try:
            await work.runner.delete(file, timeout_s=work.s.timing.batch_call_s)
        except ProviderFailure as failure:
            refused = failure
    if refused is None or work.s.clock.now() >= work.kept_until:
        return True
    await work.after(refused)
    return False
