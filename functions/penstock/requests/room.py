"""Requests as the sweeper sees them: a wake goes to the request topic, later and later without effect."""

from __future__ import annotations

from datetime import timedelta

from penstock.leases.document import changed_fields
from penstock.leases.room import Due
from penstock.messages.wake import Wake
from penstock.paths import REQUESTS, sharded
from penstock.ports import Fields
from penstock.requests.record import Record, State
from penstock.services import Services

#: The attribute that names the request which a wake means.
NAMED = "request_id"


class Requests:
    """The room of requests (leases/room.py)."""

    group = REQUESTS

    def due(self, s: Services, fields: Fields) -> Due:
        record = Record.decode(fields)
        later = record._replace(due_at=_next_due(s, record), sweeps=record.sweeps + 1)
        changes = changed_fields(later, record)
        return Due(changes, wake_of(record), s.topics.request, NAMED, record.sweeps)


def wake_of(record: Record) -> Wake:
    """Look at this request again, if its fence is still the same."""
    return Wake(record.tenant, record.request_id, record.fence)


def _next_due(s: Services, record: Record) -> str:
    """Doubling from a minute, up to the cap: an hour for a result that nobody confirms, else a quarter."""
    unconfirmed = record.state is State.TERMINAL
    cap = s.timing.republish_max_s if unconfirmed else s.timing.sweep_max_s
    wait = min(cap, s.timing.sweep_again_s * 2 ** min(record.sweeps, 16)) * (1 + s.jitter() / 4)
    return sharded(record.tenant, record.request_id, s.clock.now() + timedelta(seconds=wait))
