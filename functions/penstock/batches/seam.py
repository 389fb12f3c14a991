"""Where piles touch a request's life: which one it joins, and that somebody has joined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.batches.pile import Pile, named_by, opened, ripe_at, waits_in
from penstock.ports import Write
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.routes import Target


class Piles(Seam):
    """Lets requests wait for targets whose lane is batch."""

    def __init__(self) -> None:
        #: Until when each pile is known to be looked at: many that join at once need not all say so, and one
        #: document takes about a write a second.
        self._told: dict[Pile, datetime] = {}

    def pile_of(self, s: Services, record: Record, target: Target) -> str | None:
        return waits_in(record, target.name) if target.lane == "batch" else None

    def with_queue(self, s: Services, record: Record) -> Sequence[Write]:
        if record.waits is None or record.plan is None:
            return ()
        now, pile = s.clock.now(), named_by(record.waits)
        due = ripe_at(now, s.timing)
        if self._told.get(pile) == due:
            return ()
        return [opened(pile, record.plan.targets[0], due, now, s.timing)]

    def queued(self, s: Services, record: Record) -> None:
        if record.waits is None:
            return
        now = s.clock.now()
        self._told = {pile: due for pile, due in self._told.items() if due > now}
        self._told[named_by(record.waits)] = ripe_at(now, s.timing)
