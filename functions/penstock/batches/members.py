"""Who is in a batch: a list in the bucket, since 50,000 do not fit a document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock.batches.work import Work
from penstock.errors import BlobMissing
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import format_time
from penstock.paths import batch_blob
from penstock.requests.lines import Member
from penstock.requests.record import Record
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: the life of the request, the count under which it was stamped, and its fence as it was
    chosen or stamped."""

    request_id: str
    life: datetime
    redrive_count: int
    fence: int

    @classmethod
    def of(cls, record: Record) -> Entry:
        return cls(record.request_id, record.created_at, record.redrive_count, record.fence)

    def line_name(self, tenant: str, batch: str) -> str:
        """The line's name in the file: 40 characters that every provider takes, and that tell nothing."""
        said = f"{tenant}/{self.request_id}/{self.redrive_count}/{batch}"
        return hashlib.sha256(said.encode()).hexdigest()[:40]


async def write_members(s: Services, tenant: str, batch: str, entries: Sequence[Entry]) -> BlobRef:
    """Raises BlobUnavailable."""
    lines = [json.dumps([e.request_id, format_time(e.life), e.redrive_count, e.fence]) for e in entries]
    data = "\n".join(lines).encode()
    name = batch_blob(tenant, batch, f"members-{hashlib.sha256(data).hexdigest()[:16]}")
    return await s.blobs.put(name, data, timeout_s=s.timing.blob_s)


class MembersGone(Exception):
    """The list was deleted: its tenant was forgotten while the batch began, and nobody could tell it."""


async def read_members(work: Work) -> list[Entry]:
    """Raises MembersGone, BlobError."""
    try:
        data = await work.s.blobs.get(work.batch.manifest, timeout_s=work.s.timing.blob_s)
    except BlobMissing:
        raise MembersGone from None
    found = (json.loads(line) for line in data.splitlines())
    return [Entry(name, datetime.fromisoformat(life), count, fence) for name, life, count, fence in found]


def member_of(work: Work, entry: Entry) -> Member:
    batch = work.batch
    return Member(
        batch.tenant, entry.request_id, entry.life, entry.redrive_count, batch.name, work.target,
        work.perhaps_paid,
    )  # fmt: skip
