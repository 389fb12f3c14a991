"""How much more of a run may be under way: a member that waits in a lane for a batch keeps nobody out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from penstock.messages.parent import stage_in_lane
from penstock.paths import REQUESTS
from penstock.runs.kept import Part
from penstock.runs.page import Page
from penstock.runs.record import Run, Stage
from penstock.services import Services
from penstock.timing import Timing

#: Members under way at first; half as many more each `ramp_s`.
RAMP_START: Final = 400
#: Pages under way at once, and with those whose members wait in a lane: each look at the run reads them all.
UNDER_WAY, OPEN_PAGES = 100, 1_000
#: Behind every digit.
_END: Final = ":"


class Width(NamedTuple):
    """What may be opened more."""

    rows: int
    pages: int


async def width(s: Services, run: Run, stage: Stage, plan: Sequence[Part]) -> Width:
    """Asks the store only where the run would stand still. Raises StoreError."""
    under_way = sum(plan[number].rows for number in stage.open)
    left = OPEN_PAGES - len(stage.open)
    free = Width(allowed(run, s.clock.now(), s.timing) - under_way, UNDER_WAY - len(stage.open))
    if left <= 0 or min(free) > 0:
        return free
    waiting = await _waiting(s, run, stage)
    return Width(free.rows + waiting, min(left, free.pages + waiting // run.page_rows))


def allowed(run: Run, now: datetime, timing: Timing) -> int:
    """Members that may be under way now (Firestore's 500/50/5 rule: new load grows by half in 5 minutes)."""
    age = max(0.0, (now - (run.began_at or run.created_at)).total_seconds())
    steps = min(int(age / timing.ramp_s), 40)
    return min(run.max_in_flight, int(RAMP_START * 1.5**steps))


async def in_lane(s: Services, page: Page) -> int:
    """The members of `page` that wait in a lane. Raises StoreError."""
    name = page.parent(0, 0, 1).laned_in(page.tenant)
    return await s.store.count(REQUESTS, "laned_in", name, name, timeout_s=s.timing.read_s)


async def _waiting(s: Services, run: Run, stage: Stage) -> int:
    """Those of all pages of the stage."""
    name = stage_in_lane(run.tenant, run.run_id, run.generation, stage.name)
    return await s.store.count(REQUESTS, "laned_in", f"{name}/", f"{name}/{_END}", timeout_s=s.timing.read_s)
