"""Callbacks as the sweeper sees them: a wake goes to their topic, later and later without effect."""

from __future__ import annotations

from datetime import timedelta

from penstock.callbacks.owing import NAMED
from penstock.callbacks.record import Callback
from penstock.leases.document import changed_fields
from penstock.leases.room import Due
from penstock.messages.wake import Wake
from penstock.paths import CALLBACKS, sharded
from penstock.ports import Fields
from penstock.services import Services


class CallbacksRoom:
    """The room of callbacks (leases/room.py)."""

    group = CALLBACKS

    def due(self, s: Services, fields: Fields) -> Due:
        callback = Callback.decode(fields)
        wait_s = min(s.timing.sweep_max_s, s.timing.sweep_again_s * 2 ** min(callback.sweeps, 16))
        look_at = s.clock.now() + timedelta(seconds=wait_s * (1 + s.jitter() / 4))
        due_at = sharded(callback.tenant, callback.callback_id, look_at)
        later = callback._replace(due_at=due_at, sweeps=callback.sweeps + 1)
        wake = Wake(callback.tenant, callback.callback_id, callback.fence)
        return Due(changed_fields(later, callback), wake, s.topics.callbacks, NAMED, callback.sweeps)
