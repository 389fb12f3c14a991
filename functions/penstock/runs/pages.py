"""The story of a page's wake."""

from __future__ import annotations

from penstock.errors import PenstockError, PreconditionFailed
from penstock.leases.document import changed_fields
from penstock.ports import Update
from penstock.runs.closing import done, look, tell
from penstock.runs.emitting import emit
from penstock.runs.links import publish_links, publish_next
from penstock.runs.members import members_of
from penstock.runs.page import Page, PageState
from penstock.runs.page_lifecycle import PAGE_TABLE, PageAction, arrival_at_page, seen_page
from penstock.runs.sight import Sight, look_at
from penstock.runs.wakes import PageWake
from penstock.runs.width import in_lane
from penstock.runs.work import work_of
from penstock.services import Services


class Again(PenstockError):
    """It cannot be done now, and nobody else would: the message is to come once more."""


async def page_story(s: Services, woken: PageWake) -> None:
    """Do what a wake of a page asks for.

    Raises StoreError, BlobError, PublishFailed, BadMessage, Again.
    """
    s.pause.look(s.store, s.clock, s.timing)
    sight = await look_at(s, woken.wake.tenant, woken.wake.name)
    if sight is None:
        return
    arrival = arrival_at_page(sight.page, woken.wake.fence, woken.link)
    match PAGE_TABLE[seen_page(sight.page, sight.found.read_at, s.timing)][arrival]:
        case PageAction.EMIT:
            await emit(s, sight)
        case PageAction.LOOK:
            await look(s, sight)
        case PageAction.SEARCH:
            await _search(s, sight)
        case PageAction.NEXT:
            await _next(s, sight, sight.page.index_of(woken.number), woken.link or 0)
        case PageAction.TELL:
            await tell(s, sight)
        case PageAction.ACK:
            return


async def _search(s: Services, sight: Sight) -> None:
    """The run has waited long: look, and publish what was lost on the way."""
    if await look(s, sight) or await _is_known(s, sight.page):
        return
    work = await work_of(s, sight.run, sight.page)
    for index, why in await publish_links(s, work, await members_of(s, work, work.asked)):
        await _note(s, sight, index, why)


async def _is_known(s: Services, page: Page) -> bool:
    """Whether its members are done or wait in a lane, all of them: a batch takes hours, and to read them each
    time would cost more than they do."""
    if page.state is not PageState.EMITTED:
        return False
    waiting = await in_lane(s, page)
    return waiting > 0 and waiting + await done(s, page) >= page.expected


async def _next(s: Services, sight: Sight, index: int, link: int) -> None:
    """Publish one link, or note why it cannot be."""
    work = await work_of(s, sight.run, sight.page)
    if 0 <= index < len(work.rows):
        why = await publish_next(s, work, index, link)
        if why is not None:
            await _note(s, sight, index, why)


async def _note(s: Services, sight: Sight, index: int, why: dict[str, str]) -> None:
    """A member ends at a link that cannot be rendered; it may have been the last that was waited for."""
    page = sight.page
    if page.state is not PageState.EMITTED:
        raise Again  # whoever emits it would write over the note
    noted = page._replace(refused={**(page.refused or {}), str(index): why})
    try:
        write = Update(page.path, changed_fields(noted, page), sight.found.version)
        await s.store.commit([write], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        raise Again from None
    again = await look_at(s, page.tenant, page.name)
    if again is not None:
        await look(s, again)
