"""What a run becomes: one pure function for each step of its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from penstock.leases.lease import Lease
from penstock.messages.completion import BlobRef
from penstock.paths import sharded
from penstock.runs.message import Ordered
from penstock.runs.page import Page, PageState
from penstock.runs.record import Closed, Run, Stage, State
from penstock.timing import Timing

SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"


def fresh(
    ordered: Ordered, message_id: str, definition: BlobRef, items: BlobRef, secret: str, now: datetime
) -> Run:
    """A run nobody knows yet: fence 1, and no lease until `leased`."""
    return Run(
        tenant=ordered.tenant,
        run_id=ordered.run_id,
        state=State.LEASED,
        fence=1,
        write_id="",
        deadline=ordered.deadline,
        created_at=now,
        began_at=now,
        message_id=message_id,
        payload_sha256=ordered.payload_sha256,
        secret=secret,
        definition=definition,
        items=items,
        max_in_flight=ordered.max_in_flight,
        metadata=ordered.metadata,
        callback=ordered.callback,
        budget_nano=ordered.budget_nano,
        open_since=sharded(ordered.tenant, ordered.run_id, now),
    )


def replaced(new: Run, old: Run) -> Run:
    """A new life under an old id: what is left of the old members has ids of an earlier generation."""
    # Instances may know the old secret for as long as they live.
    return new._replace(fence=old.fence + 1, generation=old.generation + 1, secret=old.secret)


def leased(run: Run, owner: str, lease: Lease, timing: Timing) -> Run:
    return run._replace(owner=owner, sweeps=0).leased_until(lease, timing)


def taken(run: Run, owner: str, lease: Lease, timing: Timing) -> Run:
    """A new holder."""
    return leased(run._replace(fence=run.fence + 1), owner, lease, timing)


def running(run: Run, stage: Stage, now: datetime, timing: Timing) -> Run:
    """A stage is planned, and its pages may be opened."""
    return _at_large(run._replace(stage=stage), State.RUNNING, now, timing)


def folded(run: Run, pages: Sequence[Page]) -> Run:
    """What the pages that are closed by now have brought, each counted once: it is open no more."""
    stage = run.stage
    closed = [page for page in pages if page.state is PageState.CLOSED]
    if stage is None or not closed:
        return run
    numbers = {page.number for page in closed}
    stage = replace(
        stage,
        open=tuple(number for number in stage.open if number not in numbers),
        ok=stage.ok + sum(page.ok or 0 for page in closed),
        failed=stage.failed + sum(page.failed or 0 for page in closed),
    )
    return _settled(run._replace(stage=stage), closed)


def _settled(run: Run, closed: Sequence[Page]) -> Run:
    """What the pages held is free again, but for what they were charged."""
    if run.budget_nano is None:
        return run
    held = (run.held_nano or 0) - sum(page.held_nano or 0 for page in closed)
    return run._replace(
        held_nano=held, spent_nano=(run.spent_nano or 0) + sum(page.charged_nano or 0 for page in closed)
    )


def opened(run: Run, numbers: Sequence[int], next_page: int, ok: int) -> Run:
    """More pages are under way; `ok` rows of those passed over are known from the generation before."""
    stage = run.stage
    if stage is None:
        return run
    more = replace(stage, open=(*stage.open, *numbers), next_page=next_page, ok=stage.ok + ok)
    return run._replace(stage=more)


def moved(run: Run, now: datetime, timing: Timing) -> Run:
    """It has come further: its next look is a minute away again."""
    due_at = sharded(run.tenant, run.run_id, now + timedelta(seconds=timing.sweep_again_s))
    return run._replace(due_at=due_at, sweeps=0)


def stopping(run: Run, outcome: Mapping[str, str], now: datetime, timing: Timing) -> Run:
    """Its end is decided. Whoever holds it is fenced out."""
    stopped = run._replace(fence=run.fence + 1, outcome=outcome, paused=None, lacks=None)
    return _at_large(stopped, State.STOPPING, now, timing)


def paused(run: Run, is_paused: bool, now: datetime, timing: Timing) -> Run:
    return moved(run._replace(paused=is_paused or None, lacks=None), now, timing)


def out_of_budget(run: Run, why: str) -> Run:
    """It emits nothing until it is resumed with more."""
    return run._replace(paused=True, lacks=why)


def raised(run: Run, budget_nano: int | None) -> Run:
    """A budget is only ever raised, so that a message that comes once more, or late, takes nothing back."""
    if budget_nano is None or run.budget_nano is None:
        return run
    return run._replace(budget_nano=max(run.budget_nano, budget_nano))


def done(run: Run, outcome: Mapping[str, str], now: datetime, timing: Timing) -> Run:
    """It has its outcome, and is to be deleted after its retention."""
    return run._replace(
        state=State.DONE,
        owner=None,
        lease_until=None,
        stage=None,
        paused=None,
        lacks=None,
        outcome=outcome,
        finished_at=now,
        due_at=None,
        open_since=None,
        expires_at=now + timedelta(seconds=timing.retention_s),
    )


def closed_stage(run: Run, closed: Closed) -> Run:
    return run._replace(stage=None, closed=(*run.closed, closed))


def begun_again(run: Run, now: datetime) -> Run:
    """The next generation of a run, from the beginning; it has as long as the one before had."""
    return run._replace(
        fence=run.fence + 1,
        generation=run.generation + 1,
        began_at=now,
        deadline=now + (run.deadline - (run.began_at or run.created_at)),
        outcome=None,
        finished_at=None,
        expires_at=None,
        open_since=sharded(run.tenant, run.run_id, now),
    )


def reopened(run: Run, at: int, stage: Stage, now: datetime, timing: Timing) -> Run:
    """The same from the stage `run.closed[at]` on."""
    again = begun_again(run, now)._replace(closed=run.closed[:at])
    return running(again, stage, now, timing)


def outcome(status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"status": status, "reason": reason, "message": message}


def _at_large(run: Run, state: State, now: datetime, timing: Timing) -> Run:
    """Held by nobody."""
    return moved(run._replace(state=state, owner=None, lease_until=None), now, timing)
