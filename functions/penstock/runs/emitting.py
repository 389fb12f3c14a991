"""Emit a page: take it, render what it asks, publish it, say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock import log
from penstock.errors import FencedOut
from penstock.leases.lease import Lease
from penstock.leases.take import Enter, take
from penstock.ports import Snapshot
from penstock.runs.closing import Frozen, freeze, look, say_closed
from penstock.runs.definition import Split
from penstock.runs.members import members_of, outcomes, publish_first
from penstock.runs.page import Page, PageState
from penstock.runs.page_lifecycle import PageSeen, seen_page
from penstock.runs.record import Run
from penstock.runs.sight import Sight, look_at
from penstock.runs.splitting import split_rows
from penstock.runs.work import Work, work_of
from penstock.services import Services

_TAKEN: Final = (PageSeen.OPEN, PageSeen.EXPIRED)


async def emit(s: Services, sight: Sight) -> None:
    """Publish the page's members, and see whether they are done already; nothing while Penstock is paused.

    Raises StoreError, BlobError, PublishFailed, BadMessage.
    """
    if await s.pause.current(s.store, s.clock, s.timing) is not None:
        return  # it stays open, and its run wakes it again
    holder = await take(s, sight.page.path, _enter(s))
    if holder is None:
        return
    try:
        async with holder.renewing():
            work = await work_of(s, sight.run, holder.record)
            await holder.write(await _emitted(s, sight.run, work))
            if holder.record.state is PageState.CLOSED:
                say_closed(holder.record)
    except FencedOut:
        log.warning("page.fenced", "Somebody else emits the page; left to them.", **holder.record.ids())
        return
    # A member may have been done, and its nudge answered, while the page was leased.
    again = await look_at(s, holder.record.tenant, holder.record.name)
    if again is not None:
        await look(s, again)


def _enter(s: Services) -> Enter[Page]:
    """Takes a page that is open, or whose holder is gone."""

    def enter(found: Snapshot, owner: str, lease: Lease) -> Page | None:
        page = Page.decode(found.fields) if found.fields is not None else None
        if page is None or seen_page(page, found.read_at, s.timing) not in _TAKEN:
            return None
        return page._replace(fence=page.fence + 1, owner=owner).leased_until(lease, s.timing)

    return enter


async def _emitted(s: Services, run: Run, work: Work) -> Callable[[Page], Page]:
    """Do the page's work; what it becomes with that."""
    if not run.is_live and work.page.fence == 1:
        return (await freeze(s, run, work.page, [], pending=len(work.rows))).close
    if isinstance(work.step.does, Split):
        return (await freeze(s, run, work.page, split_rows(work.rows, work.step.does))).close
    # Whoever held it before may have published some of them.
    already = await members_of(s, work, work.asked) if work.page.fence > 1 else {}
    refused = await publish_first(s, work, already)
    members = len(work.asked) - len(refused)

    def emitted(page: Page) -> Page:
        sent = page._replace(members=members, refused=refused or None)
        return sent._replace(state=PageState.EMITTED, owner=None, lease_until=None)

    if members:
        return emitted
    nobody = Work(run, emitted(work.page), work.step, work.rows)
    frozen: Frozen = await freeze(s, run, work.page, await outcomes(s, nobody, {}))
    return lambda page: frozen.close(emitted(page))
