"""The two files of a batch, made when they are read: a line for each request that has ended so far.

Every line of the batch ends in one of them: what has no answer, was cancelled or never asked, in the errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from penstock.door.batch import ERRORS, OUTPUT, Batch, read_batch, status_of
from penstock.door.chat import completion_of
from penstock.door.outcome import answered
from penstock.door.reply import encoded, envelope
from penstock.door.response import response_of
from penstock.door.wrong import Wrong, not_found
from penstock.messages.parent import page_name
from penstock.paths import page_path, request_path
from penstock.requests.record import Record, State
from penstock.runs.kept import Part, manifest_of, plan_of, rows_of
from penstock.runs.page import Page
from penstock.runs.record import Run
from penstock.runs.rows import Row
from penstock.services import Services

#: Pages of a run that are under way, in one read.
_PAGES = 50


async def results_told(s: Services, tenant: str, file_id: str) -> dict[str, Any] | None:
    """Such a file as OpenAI's object; None: it is none. Raises Wrong, StoreError."""
    batch_id = _batch_of(file_id)
    if batch_id is None:
        return None
    batch, run, _ = await _live(s, tenant, batch_id)
    return {
        "id": file_id,
        "object": "file",
        "bytes": 0,
        "created_at": int(batch.created_at.timestamp()),
        "expires_at": int(batch.files_until(run).timestamp()),
        "filename": f"{file_id}.jsonl",
        "purpose": "batch_output",
        "status": "processed",
    }


async def results_of(s: Services, tenant: str, file_id: str) -> AsyncIterator[bytes] | None:
    """The lines of such a file so far; None: it is none. Raises Wrong, StoreError."""
    batch_id = _batch_of(file_id)
    if batch_id is None:
        return None
    batch, run, now = await _live(s, tenant, batch_id)
    return _lines(s, batch, run, now, errors=file_id.endswith(ERRORS))


async def _live(s: Services, tenant: str, batch_id: str) -> tuple[Batch, Run | None, datetime]:
    """Raises Wrong, StoreError."""
    batch, run, now = await read_batch(s, tenant, batch_id)
    if now > batch.files_until(run):
        raise not_found("file")
    return batch, run, now


def _batch_of(file_id: str) -> str | None:
    for end in (OUTPUT, ERRORS):
        if file_id.startswith("batch_") and file_id.endswith(end):
            return file_id.removesuffix(end)
    return None


async def _lines(
    s: Services, batch: Batch, run: Run | None, now: datetime, *, errors: bool
) -> AsyncIterator[bytes]:
    if run is None:
        return
    over = status_of(batch, run, now)
    async for rows in _rows(s, run):
        ended = [row for row in rows if _is_over(row) or run.closed]
        wanted = [row for row in ended if (row.error is not None or not _is_over(row)) is errors]
        records = await _records(s, run.tenant, [row.member for row in wanted if row.member])
        for row in wanted:
            yield encoded(await _line(s, batch, row, records.get(row.member or ""), over)) + b"\n"


def _is_over(row: Row) -> bool:
    return row.error is not None or row.member is not None


async def _rows(s: Services, run: Run) -> AsyncIterator[Sequence[Row]]:
    """The rows of every page that is closed; where the run is over, those that were never asked too."""
    if run.closed:
        closed = run.closed[-1]
        entries = {entry.page: entry for entry in await manifest_of(s, closed.manifest)}
        for number, source in enumerate(await plan_of(s, closed.plan)):
            frozen = entries[number].parts if number in entries else ()
            for part in frozen or (source,):
                yield await rows_of(s, part.ref)
    elif run.stage is not None:
        for start in range(0, run.stage.next_page, _PAGES):
            numbers = range(start, min(start + _PAGES, run.stage.next_page))
            for parts in await _closed_pages(s, run, run.stage.name, numbers):
                for part in parts:
                    yield await rows_of(s, part.ref)


async def _closed_pages(s: Services, run: Run, stage: str, numbers: range) -> list[list[Part]]:
    names = [page_name(run.run_id, run.generation, stage, number) for number in numbers]
    found = await s.store.read([page_path(run.tenant, name) for name in names], timeout_s=s.timing.read_s)
    pages = [Page.decode(one.fields) for one in found if one.fields is not None]
    return [[Part.decode(part) for part in page.parts or ()] for page in pages]


async def _records(s: Services, tenant: str, members: list[str]) -> Mapping[str, Record]:
    if not members:
        return {}
    paths = [request_path(tenant, member) for member in members]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    records = [Record.decode(one.fields) for one in found if one.fields is not None]
    return {record.request_id: record for record in records if record.state is State.TERMINAL}


async def _line(s: Services, batch: Batch, row: Row, record: Record | None, over: str) -> dict[str, Any]:
    """What became of one request, as OpenAI's files say it."""
    begin = {"id": f"batch_req_{row.member or row.id}", "custom_id": row.id}
    if record is None:
        code = f"batch_{over}" if over in ("cancelled", "expired") else "request_failed"
        told = (row.error or {}).get("message") or "Nobody was asked: the batch had ended."
        return begin | {"response": None, "error": {"code": code, "message": told}}
    try:
        answer = await answered(s, record)
    except Wrong as wrong:
        status, body = wrong.status, envelope(wrong)
    else:
        status = 200
        chat = batch.endpoint.endswith("/chat/completions")
        body = completion_of(answer) if chat else response_of(answer, background=False)
    response = {"status_code": status, "request_id": record.request_id, "body": body}
    return begin | {"response": response, "error": None}
