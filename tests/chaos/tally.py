"""A seam that does something at each of its places, so that the matrix strikes it there.

Per request and life it counts the writes that lie with the claim, the save and the confirmation. The checker
wants one claim for each fence, one save, one confirmation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from penstock.errors import BlobError, ProviderFailure
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion
from penstock.messages.result import Answer, Failure
from penstock.ports import Increment, Merge, Write
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target


class Tally(Seam):
    """`tenants/{t}/tally/{id}-{redrive_count}` {claimed, saved, confirmed}."""

    def beside_claim(self, s: Services, incoming: Incoming) -> None:
        s.pause.look(s.store, s.clock, s.timing)

    def with_claim(self, s: Services, incoming: Incoming, record: Record) -> Sequence[Write]:
        return [_one(record, "claimed")]

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        await s.store.read([_path(holder.record)], timeout_s=s.timing.read_s)
        return None

    async def after_call(
        self, s: Services, holder: Holder[Record], target: Target, outcome: Completion | ProviderFailure
    ) -> None:
        if isinstance(outcome, ProviderFailure):
            with contextlib.suppress(BlobError):
                await s.blobs.find("tally", timeout_s=s.timing.blob_s)

    def with_save(self, s: Services, record: Record, outcome: Answer | Failure) -> Sequence[Write]:
        return [_one(record, "saved")]

    def with_confirmation(self, s: Services, record: Record) -> Sequence[Write]:
        return [_one(record, "confirmed")]


def _path(record: Record) -> str:
    return f"tenants/{record.tenant}/tally/{record.request_id}-{record.redrive_count}"


def _one(record: Record, what: str) -> Merge:
    return Merge(_path(record), {what: Increment(1)})
