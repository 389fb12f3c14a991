"""The links of a chain: publish the next one of a member, or whatever was lost on the way."""

from __future__ import annotations

import asyncio

from penstock.requests.record import State
from penstock.runs.members import Found, answer_of, members_of, publish_member
from penstock.runs.rows import Row
from penstock.runs.work import Refused, Work
from penstock.services import Services


async def publish_next(s: Services, work: Work, index: int, link: int) -> dict[str, str] | None:
    """Publish the `link` of a member whose links before it are completed; why it cannot be rendered.

    Raises PublishFailed, StoreError, BlobError.
    """
    found = await members_of(s, work, [index])
    if link == 0 or _missing(work, index, found) != link:
        return None  # it is there already, or its time has not come
    return await _publish(s, work, index, link, found)


async def publish_links(s: Services, work: Work, found: Found) -> list[tuple[int, dict[str, str]]]:
    """Publish what each unfinished member waits for, and whose document nobody has seen; by index the first
    that cannot be rendered, which its page is to note. Raises alike."""
    waiting = [(index, link) for index in work.asked if (link := _missing(work, index, found)) is not None]
    sent = await asyncio.gather(*(_publish(s, work, index, link, found) for index, link in waiting))
    refused = [(index, why) for (index, _), why in zip(waiting, sent, strict=True) if why is not None]
    return refused[:1]


def _missing(work: Work, index: int, found: Found) -> int | None:
    """The first link without a document, if all before it are completed and it is not refused."""
    if str(index) in (work.page.refused or {}):
        return None
    for link in range(len(work.step.links)):
        record = found.get((index, link))
        if record is None:
            return link
        if record.state is not State.TERMINAL or not record.completed:
            return None
    return None


async def _publish(s: Services, work: Work, index: int, link: int, found: Found) -> dict[str, str] | None:
    try:
        data = work.body(await _answered(s, work, index, link, found), link)
    except Refused as why:
        return {**(why.row.error or {}), "link": str(link)}
    await publish_member(s, work, index, link, data)
    return None


async def _answered(s: Services, work: Work, index: int, link: int, found: Found) -> Row:
    """The member's row with the answers of the links before `link`."""
    row = work.rows[index]
    for before in range(link):
        record = found[index, before]
        row = work.answered(row, before, await answer_of(s, record))
    return row
