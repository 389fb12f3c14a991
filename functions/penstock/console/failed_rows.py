"""What failed in a run: the rows of its steps that are over, and of closed pages of the one under way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.parent import page_name
from penstock.paths import page_path
from penstock.runs.kept import Part, all_rows, manifest_of
from penstock.runs.page import Page
from penstock.runs.record import Run, Stage
from penstock.services import Services

#: Rows that are shown, and pages of a step under way that are read for them.
SHOWN: Final = 100
_PAGES: Final = 50


@dataclass(frozen=True, slots=True)
class FailedRow:
    """An item that failed. `member`: the request that said so, where one was asked."""

    step: int
    row_id: str
    reason: str
    message: str
    member: str | None


async def failed_rows(s: Services, run: Run) -> list[FailedRow]:
    """The newest step's first. Raises StoreError, BlobError."""
    found: list[FailedRow] = []
    if run.stage is not None:
        found += await _of_parts(s, run.stage.step, await _parts_under_way(s, run, run.stage))
    for closed in reversed(run.closed):
        if closed.failed and len(found) < SHOWN:
            entries = await manifest_of(s, closed.manifest)
            parts = [part for entry in entries if entry.failed for part in entry.parts]
            found += await _of_parts(s, closed.step, parts)
    return found[:SHOWN]


async def _parts_under_way(s: Services, run: Run, stage: Stage) -> list[Part]:
    numbers = [number for number in range(stage.next_page) if number not in stage.open][-_PAGES:]
    names = [page_name(run.run_id, run.generation, stage.name, number) for number in numbers]
    if not names:
        return []
    read = await s.store.read([page_path(run.tenant, name) for name in names], timeout_s=s.timing.read_s)
    return [part for found in read if found.fields is not None for part in _parts_of(found.fields)]


def _parts_of(document: Mapping[str, Any]) -> list[Part]:
    try:
        page = Page.decode(document)
    except BadMessage:
        return []
    return [Part.decode(part) for part in page.parts or ()] if page.failed else []


async def _of_parts(s: Services, step: int, parts: list[Part]) -> list[FailedRow]:
    return [row async for row in _failed(s, step, parts)]


async def _failed(s: Services, step: int, parts: list[Part]) -> AsyncIterator[FailedRow]:
    left = SHOWN
    async for row in all_rows(s, parts):
        if row.error is None:
            continue
        yield FailedRow(step, row.id, row.error["reason"], row.error["message"], row.member)
        left -= 1
        if left == 0:
            return
