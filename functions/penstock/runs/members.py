"""The members of a page: publish them, and read what became of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from penstock.messages.completion import BlobRef
from penstock.paths import request_path
from penstock.requests.record import Record, State
from penstock.runs.failing import failed
from penstock.runs.rows import Row
from penstock.runs.work import Refused, Work
from penstock.services import Services

#: Publishes, or long answers fetched, at once.
_WIDTH: Final = 50

#: A page's member documents, by index and link, as of one read_time.
Found = Mapping[tuple[int, int], Record]


class Cost(NamedTuple):
    """What members cost, as far as that is known; and of how many it is not."""

    nano_usd: int
    unknown: int


FREE: Final = Cost(0, 0)


class NotAll(Exception):
    """A member has not ended yet."""


async def publish_member(s: Services, work: Work, index: int, link: int, data: bytes) -> None:
    """Raises PublishFailed."""
    parent = work.page.parent(index, link, len(work.step.links))
    attributes = parent.attributes(work.run.tenant, work.run.secret)
    await s.bus.publish(s.topics.request, data, attributes, timeout_s=s.timing.publish_s)


async def publish_first(s: Services, work: Work, already: Found) -> dict[str, Mapping[str, str]]:
    """The first link of every member that has no document yet; what could not be rendered, by index.

    Raises PublishFailed.
    """
    refused: dict[str, Mapping[str, str]] = {}
    width = asyncio.Semaphore(_WIDTH)

    async def one(index: int) -> None:
        try:
            data = work.body(work.rows[index], 0)
        except Refused as why:
            refused[str(index)] = {**(why.row.error or {}), "link": "0"}
            return
        if (index, 0) not in already:
            async with width:
                await publish_member(s, work, index, 0, data)

    await asyncio.gather(*(one(index) for index in work.asked))
    return refused


async def members_of(s: Services, work: Work, indexes: Iterable[int]) -> Found:
    """The documents of all links of these members, all as of one read_time. Raises StoreError, BadMessage."""
    links = len(work.step.links)
    places = [(index, link) for index in indexes for link in range(links)]
    if not places:
        return {}
    ids = (work.page.parent(index, link, links).member_id() for index, link in places)
    paths = [request_path(work.run.tenant, member) for member in ids]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    pairs = zip(places, found, strict=True)
    records = ((place, one, Record.decode(one.fields)) for place, one in pairs if one.fields is not None)
    # One past its retention is of an earlier run of this id: it is replaced when this run's own comes.
    return {place: record for place, one, record in records if not _is_retired(record, one.read_at)}


def _is_retired(record: Record, read_at: datetime) -> bool:
    return record.expires_at is not None and read_at > record.expires_at


async def outcomes(s: Services, work: Work, found: Found) -> list[Row]:
    """The page's rows at the end. Raises NotAll; BlobError."""
    width = asyncio.Semaphore(_WIDTH)

    async def one(index: int) -> Row:
        async with width:
            return await _outcome(s, work, index, found)

    return list(await asyncio.gather(*(one(index) for index in range(len(work.rows)))))


async def _outcome(s: Services, work: Work, index: int, found: Found) -> Row:
    row = work.rows[index]
    if row.settled or row.error is not None:
        return Row(row.id, row.item, row.error, row.member)
    for link in range(len(work.step.links)):
        refused = _refused(work, index, link)
        if refused is not None:
            return failed(row, refused["reason"], refused["message"])
        record = found.get((index, link))
        if record is None or record.state is not State.TERMINAL:
            raise NotAll
        if not record.completed:
            error = (record.result or {})["error"]
            return failed(row, error["reason"], error["message"], record.request_id)
        answer = await answer_of(s, record)
        row = work.answered(Row(row.id, row.item, None, record.request_id), link, answer)
    return row


def _refused(work: Work, index: int, link: int) -> Mapping[str, str] | None:
    """Why the link could not be rendered."""
    why = (work.page.refused or {}).get(str(index))
    return why if why is not None and why["link"] == str(link) else None


async def answer_of(s: Services, record: Record) -> str:
    """The text of a completed member's answer. Raises BlobError."""
    result: Mapping[str, Any] = record.result or {}
    completion = result["completion"]
    if completion is None:
        ref = BlobRef.decode(result["completion_ref"])
        completion = json.loads(await s.blobs.get(ref, timeout_s=s.timing.blob_s))
    return str(completion["text"])


def cost_of(found: Found) -> Cost:
    """The sum over the members' documents."""
    paid = [(record.result or {}).get("cost", {}).get("usd") for record in found.values()]
    known = [usd for usd in paid if usd is not None]
    return Cost(round(sum(known) * 1_000_000_000), len(paid) - len(known))
