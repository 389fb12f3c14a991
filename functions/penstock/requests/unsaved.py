"""A paid answer whose save did not land: beside its request, or in the bucket, until a holder finds it
(docs/design.md §3.3, §3.7)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from penstock import log
from penstock.errors import AlreadyExists, BlobError, StoreError
from penstock.leases.holder import Holder
from penstock.messages.result import Answer
from penstock.messages.strict_json import canonical
from penstock.paths import orphan_path, unsaved_blob
from penstock.ports import Create
from penstock.requests.answers import put_patiently
from penstock.requests.orphans import is_for
from penstock.requests.record import Record
from penstock.services import Services

#: Orphans looked through for one of this life.
_ORPHANS = 20


async def recovered(s: Services, holder: Holder[Record]) -> Answer | None:
    """An answer that an earlier holder paid for and could not save, and that no check refused since.

    Raises StoreError, BlobError.
    """
    plan = holder.record.plan
    refused = plan.answered if plan is not None else ()
    async for answer in _left_behind(s, holder):
        if answer.target not in refused:
            return answer
    return None


async def _left_behind(s: Services, holder: Holder[Record]) -> AsyncIterator[Answer]:
    record = holder.record
    data = await s.blobs.find(_unsaved(record), timeout_s=s.timing.blob_s)
    if data is not None:
        yield Answer.decode(json.loads(data))
    orphans = await s.store.scan(
        f"{holder.path}/orphans", after="", limit=_ORPHANS, timeout_s=s.timing.read_s
    )
    for fields in (orphan.fields or {} for orphan in orphans):
        if is_for(fields, record):
            yield Answer.decode(fields["answer"])


async def orphan(s: Services, holder: Holder[Record], answer: Answer) -> None:
    """Somebody took over while we were paying: keep the proof, and the answer, beside the request."""
    record, now = holder.record, s.clock.now()
    fields: dict[str, Any] = {
        "answer": answer.encode(),
        "fence": record.fence,
        "life": record.created_at,
        "redrive_count": record.redrive_count,
        "created_at": now,
        "expires_at": now + timedelta(seconds=s.timing.retention_s),
    }
    path = orphan_path(record.tenant, record.request_id, record.write_id)
    try:
        await s.store.commit([Create(path, fields)], timeout_s=s.timing.commit_s)
    except AlreadyExists:
        pass
    except StoreError:
        await set_by(s, holder, answer)


async def set_by(s: Services, holder: Holder[Record], answer: Answer) -> None:
    """Into the bucket under the request's name, for the next holder."""
    record = holder.record
    try:
        await put_patiently(s, _unsaved(record), canonical(answer.encode()))
    except BlobError:
        log.error(
            "answer.lost",
            "A paid answer could be kept neither in the store nor in the bucket; it will be paid again.",
            tenant=record.tenant,
            request_id=record.request_id,
        )


def _unsaved(record: Record) -> str:
    return unsaved_blob(record.tenant, record.request_id, record.created_at, record.redrive_count)
