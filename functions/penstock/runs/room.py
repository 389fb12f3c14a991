"""Runs as the sweeper sees them: whoever waits too long looks at its pages. Pages are not searched for."""

from __future__ import annotations

from datetime import timedelta

from penstock import log
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
        if run.sweeps:
            message = "Nothing of the run has moved since it was woken last; it is woken again."
            log.event("run.waiting", message, silent_s=round(_silent_s(s, run)), **run.ids())
        wake = Wake(run.tenant, run.run_id, run.fence)
        return Due(changed_fields(later, run), wake, s.topics.runs, RUN, run.sweeps)


def _silent_s(s: Services, run: Run) -> float:
    """How long a run has not moved that was woken in vain, the waits taken without their jitter."""
    waits = [s.timing.sweep_again_s * float(2 ** min(number, 16)) for number in range(run.sweeps)]
    # Its first look is the one that `moved` sets; the waits after that are these.
    return s.timing.sweep_again_s + sum(min(s.timing.sweep_max_s, wait) for wait in waits)


def _wait_s(s: Services, run: Run) -> float:
    """Doubling from a minute up to a quarter; a run that moves on begins at a minute again."""
    doubled: float = s.timing.sweep_again_s * 2 ** min(run.sweeps, 16)
    return min(s.timing.sweep_max_s, doubled) * (1 + s.jitter() / 4)
