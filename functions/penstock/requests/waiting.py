"""What a record becomes while it waits in a lane: in a pile, sent, given back, left. Nobody holds it then.

Each of these steps grows the fence, so that a wake from before it finds the world moved on; all of them are
made by compare-and-set (requests/unheld.py) but the first, which a claim or a holder makes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.paths import sharded
from penstock.requests.record import Attempt, Record, State
from penstock.requests.transitions import following, set_aside
from penstock.timing import Timing


def queued(record: Record, waits: str) -> Record:
    """In the pile `waits`, until its plan says that it must be asked at once."""
    until = record.escalate_at or record.deadline
    aside = set_aside(record, State.QUEUED, until)
    laned_in = record.parent.laned_in(record.tenant) if record.parent is not None else None
    return aside._replace(
        not_before=None, following=None, leader=None, waits=waits, laned_in=laned_in, lacks=None
    )


def sent(record: Record, batch: str, target: str, now: datetime, timing: Timing) -> Record:
    """A line of `batch` from here on: it may be paid, and the ledger says so."""
    fence = record.fence + 1
    over = record.deadline + timedelta(seconds=2 * timing.skew_s)
    due_at = sharded(record.tenant, record.request_id, over)
    out = record._replace(
        state=State.SENT, fence=fence, waits=None, not_before=None, batch=batch, due_at=due_at, sweeps=0
    )
    return out.with_attempt(Attempt(fence, target, now))


def given_back(record: Record, waits: str, outcome: str, message: str, more_paid: int = 0) -> Record:
    """Its line brought no answer; it waits for the next batch. `more_paid`: creates of unknown outcome."""
    return queued(_ended(record, outcome, message, more_paid), waits)


def left(
    record: Record, target_index: int, outcome: str, message: str, now: datetime, more_paid: int = 0
) -> Record:
    """Out of the lane: whoever is woken next goes on with the target at `target_index`."""
    ended = _ended(record, outcome, message, more_paid)
    aside = set_aside(ended, State.PARKED, now)
    return aside._replace(following=None, leader=None, waits=None, target_index=target_index)


def put_off(record: Record, until: datetime, lacks: str | None) -> Record:
    """It may not go out before `until`: whoever is woken then puts it in its pile again, if there is time.
    `lacks`: what it says that it lacks, so that whoever adds some may wake it before."""
    until = min(until, record.escalate_at or record.deadline)
    aside = set_aside(record, State.PARKED, until)
    not_before = None if lacks else aside.not_before
    return aside._replace(
        fence=record.fence + 1, sweeps=0, parks=record.parks + 1, lacks=lacks, not_before=not_before
    )


def displaced(record: Record, key: str, by: str, now: datetime, timing: Timing) -> Record:
    """Somebody who cannot wait asks its question now: it follows them."""
    until = now + timedelta(seconds=timing.follow_s)
    grown = record._replace(fence=record.fence + 1, waits=None, sweeps=0)
    return following(grown, key, by, until)


def _ended(record: Record, outcome: str, message: str, more_paid: int) -> Record:
    """The newest line's outcome, and a new fence: nobody who knew it before may go on."""
    known = record.with_outcome(outcome, message)
    tries = record.tries + (outcome == "ambiguous")
    return known._replace(
        fence=record.fence + 1, tries=tries, sweeps=0, perhaps_paid=known.perhaps_paid + more_paid
    )
