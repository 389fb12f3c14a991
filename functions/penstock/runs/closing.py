"""Close a page: count its members, read them as of one moment, freeze their rows. The first close wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock import log
from penstock.errors import PreconditionFailed, StoreUnavailable
from penstock.leases.document import changed_fields
from penstock.paths import REQUESTS
from penstock.ports import Update
from penstock.runs.cutting import cut_rows
from penstock.runs.holding import charged
from penstock.runs.members import FREE, Cost, NotAll, cost_of, members_of, outcomes
from penstock.runs.page import Page, PageState
from penstock.runs.record import Run
from penstock.runs.rows import Row
from penstock.runs.sight import Sight, look_at
from penstock.runs.wakes import wake_run
from penstock.runs.work import work_of
from penstock.services import Services

#: How often a lost race is looked at again.
_LOOKS: Final = 8


class Frozen(NamedTuple):
    """A page's rows, in the bucket."""

    parts: tuple[Mapping[str, Any], ...]
    ok: int
    failed: int
    pending: int
    cost: Cost

    def close(self, page: Page) -> Page:
        closed = page._replace(state=PageState.CLOSED, owner=None, lease_until=None, parts=self.parts)
        counted = closed._replace(ok=self.ok, failed=self.failed, pending=self.pending)
        return counted._replace(nano_usd=self.cost.nano_usd, cost_unknown=self.cost.unknown)


async def freeze(
    s: Services, run: Run, page: Page, rows: Sequence[Row], pending: int = 0, cost: Cost = FREE
) -> Frozen:
    """Write the rows down; `pending` more were never asked about. Raises BlobError."""
    name = f"{page.generation}/{page.stage}/out-{page.number}"
    parts = await cut_rows(s, run, name, rows)
    failed = sum(row.error is not None for row in rows)
    return Frozen(tuple(part.encode() for part in parts), len(rows) - failed, failed, pending, cost)


async def look(s: Services, sight: Sight) -> bool:
    """Whether the page is closed: by us, if all its members are done, or by somebody else. Then its run is
    told. Raises StoreError, BlobError, PublishFailed, BadMessage."""
    for _ in range(_LOOKS):
        if sight.page.state is PageState.CLOSED:
            await tell(s, sight)
            return True
        if sight.page.state is not PageState.EMITTED or await done(s, sight.page) < sight.page.expected:
            return False
        try:
            if not await _closed_together(s, sight.page):
                return False
        except (PreconditionFailed, StoreUnavailable):
            pass  # written by somebody else, or by us: see
        again = await look_at(s, sight.page.tenant, sight.page.name)
        if again is None:
            return False
        sight = again
    raise StoreUnavailable("The page is being closed by too many deliveries at once.")


async def tell(s: Services, sight: Sight) -> None:
    """Wake the run of a closed page, unless it has counted the page already. Raises PublishFailed.

    Each member's nudge comes here once its page is closed, and each wake of the run may wake pages again.
    """
    page, stage = sight.page, sight.run.stage
    if stage is None or page.number not in stage.open:
        return
    if (sight.run.generation, stage.step, stage.level) == (page.generation, page.step, page.level):
        await wake_run(s, page.tenant, page.run_id)


async def done(s: Services, page: Page) -> int:
    """How many of its members say so. One read, whatever the page holds: it is asked after every member, and
    those that come beside each other share one."""
    name = page.done_in

    async def counted() -> int:
        return await s.store.count(REQUESTS, "done_in", name, name, timeout_s=s.timing.read_s)

    return await s.counts.ask(name, counted)


async def _closed_together(s: Services, page: Page) -> bool:
    """Close the page once for all who see beside each other that its members are done: to read them is what a
    page costs. False where it is not to be closed: a member may have been redriven, the page given up.

    Who comes while another closes it looks before he does the same."""

    async def closed() -> bool:
        sight = await look_at(s, page.tenant, page.name)
        if sight is None or sight.page.state is not PageState.EMITTED:
            return sight is not None
        return await _close(s, sight)

    return await s.closings.ask(page.path, closed)


async def _close(s: Services, sight: Sight) -> bool:
    """False where a member has not ended after all."""
    page = sight.page
    work = await work_of(s, sight.run, page)
    found = await members_of(s, work, work.asked)
    try:
        rows = await outcomes(s, work, found)
    except NotAll:
        return False
    closed = (await freeze(s, sight.run, page, rows, cost=cost_of(found))).close(page)
    if sight.run.budget_nano is not None:
        closed = closed._replace(charged_nano=charged(s, work, found))
    write = Update(page.path, changed_fields(closed, page), sight.found.version)
    await s.store.commit([write], timeout_s=s.timing.commit_s)
    say_closed(closed)
    return True


def say_closed(page: Page) -> None:
    """The line that metrics are made of: what became of the page's rows."""
    log.event(
        "page.closed",
        f"{page.ok} of its rows are right.",
        ok=page.ok,
        failed=page.failed,
        pending=page.pending,
        **page.ids(),
    )
