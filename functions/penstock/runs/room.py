"""Runs as the sweeper sees them: whoever waits too long looks at its pages. Pages are not searched for."""

from __future__ import annotations

from datetime import timedelta

from penstock.leases.document import changed_fields
from penstock.leases.room import Due
from penstock.messages.wake import Wake
from penstock.paths import RUNS, sharded
from penstock.ports import Fields
from penstock.runs.record import Run
from penstock.runs.wakes import RUN
from penstock.services import Services


class Runs:
    """The room of runs (leases/room.py)."""

    group = RUNS

    def due(self, s: Services, fields: Fields) -> Due:
        run = Run.decode(fields)
        due_at = sharded(run.tenant, run.run_id, s.clock.now() + timedelta(seconds=_wait_s(s, run)))
        later = run._replace(due_at=due_at, sweeps=run.sweeps + 1)
        wake = Wake(run.tenant, run.run_id, run.fence)
        return Due(changed_fields(later, run), wake, s.topics.runs, RUN, run.sweeps)


def _wait_s(s: Services, run: Run) -> float:
    """Doubling from a minute up to a quarter; a run that moves on begins at a minute again."""
    doubled: float = s.timing.sweep_again_s * 2 ** min(run.sweeps, 16)
    return min(s.timing.sweep_max_s, doubled) * (1 + s.jitter() / 4)
