"""The story of one delivery on the topic of batches: a wake of a pile or of a batch (docs/lanes.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from penstock import log
from penstock.batches.closing import settle
from penstock.batches.collecting import collect
from penstock.batches.creating import look, upload
from penstock.batches.forgetting import forget
from penstock.batches.members import MembersGone
from penstock.batches.pile import Pile
from penstock.batches.polling import poll
from penstock.batches.record import CLOSED, Batch, Stage
from penstock.batches.rooms import BATCH, PILE
from penstock.batches.sealing import begin, candidates, seal
from penstock.batches.work import Work
from penstock.errors import BadMessage, BlobError, FencedOut, PreconditionFailed, PublishFailed, StoreError
from penstock.leases.document import LEASED
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease, is_expired
from penstock.leases.take import take
from penstock.leases.wake import publish_wake
from penstock.messages.envelope import Envelope
from penstock.messages.wake import Wake
from penstock.paths import batch_path
from penstock.ports import REMOVE, Snapshot, Update
from penstock.requests.seams import seams_of
from penstock.services import Services
from penstock.verdict import Verdict

#: What each stage needs next; it says whether there is more to do at once.
_STEPS: Final[dict[Stage, Callable[[Work], Awaitable[bool]]]] = {
    Stage.SEALING: seal,
    Stage.FROZEN: upload,
    Stage.CREATING: look,
    Stage.OUT: poll,
    Stage.COLLECTING: collect,
    Stage.GIVING_BACK: settle,
}
#: Of a forgotten one: its time is up, so nothing new is created, and what is out is called back.
_LAST_STEPS: Final = {stage: _STEPS[stage] for stage in (Stage.FROZEN, Stage.CREATING, Stage.OUT)}


async def batch(s: Services, envelope: Envelope) -> Verdict:
    """Do what `envelope` asks for. Always acked: what a wake means is durable, and it is woken again."""
    began = s.clock.monotonic()
    attributes = envelope.attributes
    try:
        for seam in seams_of(s):
            seam.before_batch(s)
        s.pause.look(s.store, s.clock, s.timing)
        if PILE in attributes:
            wake = Wake.decode(attributes, PILE)
            await _pile(s, Pile(wake.tenant, wake.name), began)
        else:
            await _woken(s, Wake.decode(attributes, BATCH), began)
    except BadMessage as error:
        log.error("wake.unreadable", str(error), attributes=dict(attributes))
    except FencedOut:
        log.warning("batch.fenced", "Somebody else holds the batch; left to them.")
    except (StoreError, BlobError, PublishFailed) as error:
        reason = type(error).__name__
        log.warning("wake.lost", f"The store, the bucket or the bus did not answer: {reason}.")
    return Verdict.ACK


async def _pile(s: Services, pile: Pile, began: float) -> None:
    """Seal what waits in `pile`, and work on it; an empty one is closed."""
    [found] = await s.store.read([pile.path], timeout_s=s.timing.read_s)
    # Whoever joined in this stretch of time relies on the look at its end.
    if found.fields is None or s.clock.now() < found.fields.get("ripe_at", found.read_at):
        return
    target = s.routes.targets.get(found.fields.get("target", ""))
    most = min(target.max_lines, found.fields.get("at_most") or target.max_lines) if target else 1
    some = await candidates(s, pile, most)
    if not some:
        await _close(s, found)
        return
    if target is None or not target.waits:
        log.error("pile.stranded", "No route has the target of this pile any more.", pile=pile.name)
        return
    if len(some) < min(target.min_lines, most):
        return  # looked at again later; whose time is up meanwhile leaves by itself
    holder = await begin(s, pile, target, some)
    if holder is not None:
        await _drive(s, holder, began)
    if len(some) == most:
        await publish_wake(s, s.topics.batches, Wake(pile.tenant, pile.name, 0), PILE)


async def _close(s: Services, found: Snapshot) -> None:
    """Nobody waits in it: whoever joins opens it again."""
    changes = {"due_at": REMOVE, "open_since": REMOVE, "at_most": REMOVE}
    try:
        await s.store.commit([Update(found.path, changes, found.version)], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        log.event("pile.joined", "Somebody joined a pile that was about to be closed.")


async def _woken(s: Services, wake: Wake, began: float) -> None:
    def enter(found: Snapshot, owner: str, lease: Lease) -> Batch | None:
        if found.fields is None:
            return None
        old = Batch.decode(found.fields)
        live = old.state == LEASED and not is_expired(old.lease_until, found.read_at, s.timing)
        if live or old.state == CLOSED or old.fence != wake.fence:
            return None
        lost = old.takeovers + (old.state == LEASED)
        taken = old._replace(fence=old.fence + 1, owner=owner, takeovers=lost, sweeps=0)
        return taken.leased_until(lease, s.timing)

    holder = await take(s, batch_path(wake.tenant, wake.name), enter)
    if holder is not None:
        await _drive(s, holder, began)


async def _drive(s: Services, holder: Holder[Batch], began: float) -> None:
    """Step by step, until it waits for something. Raises FencedOut, StoreError, BlobError."""
    target = s.routes.targets.get(holder.record.target)
    if target is None:
        log.error("batch.stranded", "No route has the target of this batch any more.", **holder.record.ids())
        return
    runner = s.runners[target.name]
    work = Work(s, holder, target, runner, began + s.timing.provider_budget_s)
    async with holder.renewing():
        while await _step(work):
            if work.over:
                await work.put_aside(0)
                return


async def _step(work: Work) -> bool:
    """Whether there is more to do at once."""
    batch = work.batch
    if batch.forgotten:
        return await _LAST_STEPS.get(batch.stage, forget)(work)
    try:
        return await _STEPS[batch.stage](work)
    except MembersGone:
        log.warning("batch.members_gone", "Its list was deleted: it is forgotten.", **batch.ids())
        await work.note(forgotten=True, escalate_at=min(work.s.clock.now(), batch.escalate_at))
        return True
