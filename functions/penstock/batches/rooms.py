"""Piles and batches as the sweeper sees them: their wakes go to the topic of batches."""

from __future__ import annotations

from datetime import timedelta

from penstock.batches.record import Batch
from penstock.errors import BadMessage, Reason
from penstock.leases.document import changed_fields
from penstock.leases.room import Due
from penstock.messages.wake import Wake
from penstock.paths import BATCHES, PILES, sharded
from penstock.ports import Fields
from penstock.services import Services

#: The attributes that name a pile and a batch in a wake.
PILE, BATCH = "pile", "batch"


class PilesRoom:
    """The room of piles (leases/room.py). Nobody holds one: its wake has no fence."""

    group = PILES

    def due(self, s: Services, fields: Fields) -> Due:
        try:
            tenant, pile, sweeps = fields["tenant"], fields["pile"], int(fields.get("sweeps", 0))
        except (KeyError, TypeError, ValueError):
            raise BadMessage("The document of this pile cannot be read.", Reason.INTERNAL) from None
        later = {"due_at": _later(s, tenant, pile, sweeps), "sweeps": sweeps + 1}
        return Due(later, Wake(tenant, pile, 0), s.topics.batches, PILE, sweeps)


class BatchesRoom:
    """The room of batches."""

    group = BATCHES

    def due(self, s: Services, fields: Fields) -> Due:
        batch = Batch.decode(fields)
        later = batch._replace(
            due_at=_later(s, batch.tenant, batch.name, batch.sweeps), sweeps=batch.sweeps + 1
        )
        wake = Wake(batch.tenant, batch.name, batch.fence)
        return Due(changed_fields(later, batch), wake, s.topics.batches, BATCH, batch.sweeps)


def _later(s: Services, tenant: str, name: str, sweeps: int) -> str:
    """Doubling from a minute up to a quarter."""
    wait = min(s.timing.sweep_max_s, s.timing.sweep_again_s * 2 ** min(sweeps, 16)) * (1 + s.jitter() / 4)
    return sharded(tenant, name, s.clock.now() + timedelta(seconds=wait))
