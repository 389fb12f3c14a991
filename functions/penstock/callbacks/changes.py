"""What a callback becomes: one pure function for each step of its life."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from penstock.callbacks.record import ATTEMPTS_KEPT, About, Attempt, Callback, State
from penstock.leases.lease import Lease
from penstock.messages.addressee import Addressee
from penstock.messages.strict_json import canonical
from penstock.paths import sharded
from penstock.timing import Timing


def owed(
    tenant: str, to: Addressee, about: About, kind: str, happened_at: str, data: Mapping[str, Any] | None,
    now: datetime, timing: Timing,
) -> Callback:  # fmt: skip
    """A callback to be sent now. Its id is a function of what has ended and whom it tells: once for each end,
    whoever makes it, and another one for an id that is used again."""
    place = [tenant, about.kind, about.name, about.life.isoformat(), about.round, to.encode()]
    callback = Callback(
        tenant=tenant,
        callback_id=hashlib.sha256(canonical(place)).hexdigest()[:32],
        state=State.WAITING,
        fence=1,
        write_id="",
        to=to,
        about=about,
        type=f"{about.kind}.{kind}",
        happened_at=happened_at,
        began_at=now,
        data=data,
    )
    # Its wake comes at once; the sweeper looks where that was lost.
    look_at = now + timedelta(seconds=timing.republish_s)
    return waiting(callback, now)._replace(due_at=sharded(tenant, callback.callback_id, look_at))


def taken(callback: Callback, owner: str, lease: Lease, timing: Timing) -> Callback:
    """A new holder."""
    return callback._replace(fence=callback.fence + 1, owner=owner, sweeps=0).leased_until(lease, timing)


def taken_over(callback: Callback, owner: str, lease: Lease, timing: Timing) -> Callback:
    """The holder before is gone, and may have sent it."""
    unknown = tried(callback, lease.wall_end - timedelta(seconds=timing.lease_s), "Cut off: unknown.")
    return taken(unknown, owner, lease, timing)


def tried(callback: Callback, at: datetime, outcome: str) -> Callback:
    """One attempt more has ended."""
    attempts = (*callback.attempts, Attempt(at, outcome))[-ATTEMPTS_KEPT:]
    return callback._replace(tries=callback.tries + 1, attempts=attempts)


def waiting(callback: Callback, until: datetime) -> Callback:
    """To be sent at `until`."""
    when = sharded(callback.tenant, callback.callback_id, until)
    return callback._replace(
        state=State.WAITING, owner=None, lease_until=None, not_before=until, due_at=when, open_since=when
    )


def ended(callback: Callback, state: State, now: datetime, timing: Timing) -> Callback:
    """Taken by its endpoint, or by nobody; to be deleted after its retention."""
    return callback._replace(
        state=state,
        owner=None,
        lease_until=None,
        not_before=None,
        finished_at=now,
        due_at=None,
        open_since=None,
        expires_at=now + timedelta(seconds=timing.retention_s),
    )


def replayed(callback: Callback, now: datetime) -> Callback:
    """Once more from the beginning, under the same id: who has seen it knows it again."""
    fresh = callback._replace(fence=callback.fence + 1, began_at=now, tries=0, sweeps=0)
    return waiting(fresh._replace(finished_at=None, expires_at=None), now)
