"""What the operator says to a run: cancel, pause, resume, redrive."""

from __future__ import annotations

import asyncio
from typing import Final

from penstock import log
from penstock.errors import PreconditionFailed, StoreUnavailable
from penstock.leases.document import changed_fields
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.paths import run_path
from penstock.ports import Snapshot, Update
from penstock.runs import changes
from penstock.runs.lifecycle import TABLE, Action, Arrival, Seen, arrival_of_redrive, seen
from penstock.runs.message import Told, Verb
from penstock.runs.pages import Again
from penstock.runs.record import Run, Stage
from penstock.runs.stages import drive
from penstock.services import Services

_LOOKS: Final = 8
_ARRIVALS: Final = {
    Verb.CANCEL: Arrival.CANCEL,
    Verb.PAUSE: Arrival.PAUSE,
    Verb.RESUME: Arrival.RESUME,
}


async def obey(s: Services, told: Told) -> None:
    """Raises StoreError, BlobError, PublishFailed, BadMessage; Again where it cannot be done yet."""
    path = run_path(told.tenant, told.run_id)
    for _ in range(_LOOKS):
        [found] = await s.store.read([path], timeout_s=s.timing.read_s)
        run = Run.decode(found.fields) if found.fields is not None else None
        action = _action(s, found, told, run)
        if action is Action.NACK:
            raise Again
        if run is None or action is Action.ACK:
            return
        try:
            holder = await _write(s, found, run, changes.raised(_changed(s, run, action), told.budget_nano))
        except (PreconditionFailed, StoreUnavailable):
            await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 10)
            continue
        log.event("run.told", f"{told.verb}.", verb=str(told.verb), **run.ids())
        await drive(s, told.tenant, told.run_id, holder)
        return
    raise StoreUnavailable("The run is being written by too many deliveries at once.")


def _action(s: Services, found: Snapshot, told: Told, run: Run | None) -> Action:
    """A resume with more money reaches a run that has not come to its end of it yet."""
    state = seen(run, found.read_at, s.timing)
    if told.budget_nano is not None and state is Seen.RUNNING:
        return Action.RELEASE
    return TABLE[state][_arrival(told, run)]


def _arrival(told: Told, run: Run | None) -> Arrival:
    if told.verb is Verb.REDRIVE:
        return arrival_of_redrive(run, told.generation)
    return _ARRIVALS[told.verb]


async def _write(s: Services, found: Snapshot, run: Run, new: Run) -> Holder[Run] | None:
    """Make `new` the run; its holder where it is leased with that. Raises StoreError."""
    now, lease = s.clock.now(), None
    if new.stage is None and new.is_live and new.generation > run.generation:
        lease = Lease.starting(now, s.clock.monotonic(), s.timing)
        new = changes.leased(new, s.new_id(), lease, s.timing).sent_as(s.new_id())
    write = Update(run.path, changed_fields(new, run), found.version)
    committed = await s.store.commit([write], timeout_s=s.timing.commit_s)
    return Holder(s, new, committed.versions[0], lease) if lease is not None else None


def _changed(s: Services, run: Run, action: Action) -> Run:
    now = s.clock.now()
    match action:
        case Action.STOP:
            why = changes.outcome(changes.CANCELLED, "cancelled", "Cancelled by the operator.")
            return changes.stopping(run, why, now, s.timing)
        case Action.HOLD | Action.RELEASE:
            return changes.paused(run, action is Action.HOLD, now, s.timing)
        case _:
            return _reopened(s, run)


def _reopened(s: Services, run: Run) -> Run:
    """The next generation, from the first stage on in which something failed or was never asked.

    One that ended before it came to a stage, or between two, begins there; one that is whole stays as it is.
    """
    now = s.clock.now()
    at = next((n for n, closed in enumerate(run.closed) if not closed.is_whole), None)
    if at is None:
        return run if run.is_whole else changes.begun_again(run, now)
    over = run.closed[at]
    stage = Stage(over.step, over.level, over.plan, over.pages, over.total, base=over.manifest)
    return changes.reopened(run, at, stage, now, s.timing)
